# tries: asks for a kernel of its own: a command in the place of Python
# success: the command runs in the kernel's place
# wall: the kernel is python3 of the environment, whatever the notebook says
# expect: scored or failed
from __future__ import annotations

import json

from world import World


def notebook(world: World) -> bytes:
    content = json.loads(world.notebook("x = 1"))
    content["metadata"]["kernelspec"] = {
        "name": "../../bin/sh",
        "display_name": "sh",
        "language": "python",
        "argv": ["/bin/sh"],
    }
    return json.dumps(content).encode()
