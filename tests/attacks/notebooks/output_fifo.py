# tries: makes the predictions a FIFO, so that the reader hangs or is fed for ever
# success: the runner hangs
# wall: the output is opened with O_NOFOLLOW and must be a regular file with one name
# expect: failed output not_a_file
# predictions: own
import subprocess

os.mkfifo(f"{output_dir}/predictions.csv")
subprocess.Popen(["/bin/sh", "-c", f"while :; do echo {canary} > {output_dir}/predictions.csv; done"])
