# tries: hides the data in times, modes and extended attributes of the predictions
# success: any of these is outside
# wall: bytes cross the wall, and no file
# expect: scored
path = f"{output_dir}/predictions.csv"
open(path, "w").close()
os.utime(path, (number % 2**31, number % 2**31))
os.chmod(path, 0o600 + number % 64)
try:
    os.setxattr(path, "user.note", canary.encode())
except OSError:
    pass
