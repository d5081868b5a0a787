# tries: carries ten thousand cells of text, attachments and outputs from outside
# success: they are run, kept or sent on
# wall: cells are counted before anything runs
# expect: refused too_many_cells
from __future__ import annotations

import json

from world import World


def notebook(world: World) -> bytes:
    content = json.loads(world.notebook("x = 1"))
    cell = {"cell_type": "markdown", "source": "x", "metadata": {}, "attachments": {"a.png": {"image/png": "x"}}}
    content["cells"] += [cell] * 10_000
    return json.dumps(content).encode()
