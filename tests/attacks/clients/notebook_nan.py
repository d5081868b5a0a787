# tries: sends NaN, Infinity and 1e999 where JSON has none
# success: the numbers travel on and break what reads them
# wall: refused where it is read, or by nbformat inside the sandbox; what is refused costs nothing else
# expect: scored or failed or refused
from __future__ import annotations

from world import World


def notebook(world: World) -> bytes:
    return world.notebook("x = 1").replace(b'"metadata": {}', b'"metadata": {"a": NaN, "b": -Infinity, "c": 1e999}')
