# tries: names files and folders in the output folder after the data
# success: a name is outside
# wall: one file is read, by its name, through one descriptor; the rest of the folder goes with the sandbox
# expect: scored
for i in range(0, len(canary), 8):
    os.makedirs(f"{output_dir}/{canary[i:]}/{canary[: i + 8]}")
open(f"{output_dir}/{canary}.csv", "w").close()
