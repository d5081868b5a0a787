# tries: writes startup files of IPython and a profile for the next run
# success: the next run executes them (see survive_look_for_code)
# wall: the environment and the system are mounted read-only, and the work folder is a tmpfs of this run
# expect: scored
code = f"open('/work/survived', 'w').write({canary!r})"
for home in (os.path.expanduser("~"), "/root", outside["home"], "/usr/local/etc", "/opt/environment/etc"):
    try:
        folder = f"{home}/.ipython/profile_default/startup"
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/00-first.py", "w") as file:
            file.write(code)
        if not os.path.realpath(home).startswith("/work/"):
            leaked.append(home)
    except OSError:
        pass
