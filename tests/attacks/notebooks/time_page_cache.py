# tries: reads parts of shared files that the data chooses, so that they are cached
# success: another run finds out which are cached (see survive_page_cache)
# wall: runs of other people cannot see timing; a rehearsal is on another machine
# expect: scored
import glob

files = sorted(
    glob.glob("/usr/lib/python3*/**/*.py", recursive=True) + glob.glob("/opt/environment/lib/**/*.py", recursive=True)
)
for bit, name in zip("".join(f"{byte:08b}" for byte in canary.encode()), files):
    if bit == "1":
        with open(name, "rb") as file:
            file.read()
