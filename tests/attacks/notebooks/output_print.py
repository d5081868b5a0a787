# tries: prints the data to stdout and stderr, from Python, from C and from a child
# success: the text is in a log, a message or a database outside
# wall: cell outputs and both streams go to nowhere in a blind run; the reply has no field for them
# expect: scored
import os
import subprocess
import sys

print(canary, number)
print(canary, file=sys.stderr, flush=True)
os.write(1, canary.encode())
os.write(2, canary.encode())
subprocess.run(["/bin/echo", canary], check=True)
canary  # noqa: B018 - the value of a cell
