# tries: sends escaped halves of surrogate pairs, which cannot be written as UTF-8 again
# success: an error that nobody catches
# wall: what goes wrong inside is an outcome of the run
# expect: failed or refused
from __future__ import annotations

from world import World


def notebook(world: World) -> bytes:
    return world.notebook("x = 'MARK'").replace(b"MARK", b"\\ud800\\udfff\\ud800")
