# tries: sends a notebook that is nested a hundred thousand times
# success: the runner's parser overflows its stack
# wall: refused where it is read, or by nbformat inside the sandbox; what is refused costs nothing else
# expect: refused unreadable_notebook
from __future__ import annotations

from world import World


def notebook(world: World) -> bytes:
    return b'{"cells": ' + b'[{"a":' * 100_000 + b"1" + b"}]" * 100_000 + b"}"
