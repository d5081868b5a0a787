# tries: sets PYTHONPATH, PYTHONSTARTUP, LD_PRELOAD and their like for what is started next
# success: a process outside the sandbox starts with them
# wall: the scorer's sandbox has an environment of its own, built word by word
# expect: scored
import subprocess

names = ("PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME", "LD_PRELOAD", "LD_LIBRARY_PATH", "BASH_ENV", "JUPYTER_PATH")
with open("/work/pandas.py", "w") as file:
    file.write("raise SystemExit")
for name in names:
    os.environ[name] = "/work"
subprocess.run(["/opt/environment/bin/python3", "-c", "import sys; print(sys.path)"], capture_output=True)
for name in names:
    del os.environ[name]
os.remove("/work/pandas.py")
