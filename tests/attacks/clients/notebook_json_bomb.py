# tries: sends a notebook of half a million empty lists, which take far more memory than they have bytes
# success: the runner runs out of memory
# wall: the size of a notebook is bounded; the sandbox's memory is
# expect: failed notebook unreadable_notebook or refused
from __future__ import annotations

from world import World


def notebook(world: World) -> bytes:
    return b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [' + b"[]," * 500_000 + b"[]]}"
