# tries: reads its own connection file and drives its own kernel as a second client
# success: the other client's answers get out
# wall: what a cell puts out has no field in the reply
# expect: scored
import glob
import json

names = glob.glob("/work/**/*.json", recursive=True) + [
    word for word in open("/proc/self/cmdline").read().split("\0") if word.endswith(".json")
]
with open(next(name for name in names if "key" in open(name).read())) as file:
    connection = json.load(file)
from jupyter_client import BlockingKernelClient

client = BlockingKernelClient()
client.load_connection_info(connection)
client.start_channels()
client.execute(f"print({canary!r})", silent=False)
client.stop_channels()
