# tries: becomes another interpreter, which keeps the kernel's descriptors
# success: the new program speaks to the runner in the kernel's place
# wall: what runs inside has the sandbox's rights, whichever program it is
# expect: failed
code = "import os\nfor fd in range(3, 200):\n  try: os.write(fd, b'" + canary + "')\n  except OSError: pass"
os.execv("/opt/environment/bin/python3", ["python3", "-c", code])
