# tries: sends two lists of cells under one key: one for whoever counts, one for whoever runs
# success: more cells run than were counted
# wall: both read the last one, as Python's parser does
# expect: refused too_many_cells
from __future__ import annotations

import json

from world import World


def notebook(world: World) -> bytes:
    good = world.notebook("x = 1").decode()
    many = json.dumps(
        [{"cell_type": "code", "source": "1", "metadata": {}, "outputs": [], "execution_count": None}] * 500
    )
    return (good.rstrip().rstrip("}").rstrip() + f', "cells": {many}}}').encode()
