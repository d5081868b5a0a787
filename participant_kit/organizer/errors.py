"""Errors of the organizer's zone."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from participant_kit.challenge.errors import KitError


class OrganizerError(KitError):
    """A challenge cannot be made, built or published as asked."""

    code = "organizer"


def near_misses(name: str, known: Sequence[str]) -> str:
    """What to say to who asked for the column ``name``: those of ``known`` that are like it, or what there is."""
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    return f"Did you mean {' or '.join(near)}?" if near else f"It has: {', '.join(known[:30])}."
