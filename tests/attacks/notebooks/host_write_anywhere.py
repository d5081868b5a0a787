# tries: writes to the data, the system, the environment and everything else that it can name
# success: something outside the work folder is changed
# wall: everything but the work folder and shared memory is read-only
# expect: scored
for folder, folders, files in os.walk("/"):
    if folder in ("/proc", "/work", "/dev/shm", "/usr/share", "/usr/lib", "/opt/environment/lib"):
        folders.clear()
        continue
    try:
        os.close(os.open(f"{folder}/x", os.O_CREAT | os.O_WRONLY))
        if folder not in ("/dev/pts",):
            leaked.append(folder)
    except OSError:
        pass
for name in ("train", "test"):
    try:
        open(f"{data_dir}/{name}.parquet", "r+b").close()
        leaked.append(name)
    except OSError:
        pass
