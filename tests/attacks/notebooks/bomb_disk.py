# tries: fills the work folder, shared memory and every place that can be written
# success: a disk of this machine is full
# wall: every place that can be written is a tmpfs of bounded size
# expect: scored
block = bytes(1 << 20)
for folder in (output_dir, "/work", "/tmp", "/dev/shm", "/dev", "/var/tmp", "/run", "/data", "/opt/environment", "/"):
    path, size = f"{folder}/bomb", 0
    try:
        with open(path, "wb") as file:
            while size < 400 << 20:
                file.write(block)
                size += len(block)
        leaked.append(folder)
    except OSError:
        pass
    try:
        os.remove(path)
    except OSError:
        pass
