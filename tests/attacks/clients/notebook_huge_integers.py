# tries: sends a notebook with integers of a million digits where numbers are expected
# success: the parser takes for ever, or a limit is raised as an error that nobody catches
# wall: refused where it is read, or by nbformat inside the sandbox; what is refused costs nothing else
# expect: refused unreadable_notebook or failed notebook unreadable_notebook
from __future__ import annotations

from world import World


def notebook(world: World) -> bytes:
    number = b"9" * 1_000_000
    return b'{"nbformat": 4, "nbformat_minor": ' + number + b', "metadata": {"x": ' + number + b'}, "cells": []}'
