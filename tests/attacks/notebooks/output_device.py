# tries: makes the predictions a device
# success: the runner reads memory or a terminal
# wall: no capability for devices, and the output must be a regular file
# expect: failed output missing_output
# predictions: own
import stat

for major, minor in ((1, 1), (1, 5), (5, 0), (8, 0)):
    try:
        os.mknod(f"{output_dir}/predictions.csv", stat.S_IFCHR | 0o666, os.makedev(major, minor))
        leaked.append("a device")
    except OSError:
        pass
assert not leaked
