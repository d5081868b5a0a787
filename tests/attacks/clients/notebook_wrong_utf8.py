# tries: sends bytes that are no UTF-8, half of a surrogate pair, and a byte-order mark
# success: an error that nobody catches, with the text in its message
# wall: refused where it is read, or by nbformat inside the sandbox; what is refused costs nothing else
# expect: refused unreadable_notebook or failed notebook unreadable_notebook
from __future__ import annotations

from world import World


def notebook(world: World) -> bytes:
    return world.notebook("x = 'MARK'").replace(b"MARK", b"\xff\xfe\xed\xa0\x80\xc0\xaf")
