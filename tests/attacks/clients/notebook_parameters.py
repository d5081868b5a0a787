# tries: overwrites the parameters that papermill injects, to read another folder and write to another
# success: another folder is read or written
# wall: paths are names inside the sandbox; there is nothing else at them
# expect: failed or scored
from __future__ import annotations

import json

from world import World


def notebook(world: World) -> bytes:
    content = json.loads(world.notebook("x = 1"))
    content["metadata"]["papermill"] = {
        "parameters": {"data_dir": "/", "output_dir": "/data"},
        "output_path": "/data/x",
        "input_path": "s3://x/y",
    }
    content["cells"][0]["source"] = f"data_dir = {world.outside['private']!r}\noutput_dir = {world.outside['root']!r}"
    return json.dumps(content).encode()
