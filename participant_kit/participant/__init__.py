"""The participant's machine: preparing, checking, rehearsing and submitting a notebook.

``Client(...).submit(path).wait().scores`` is the whole of it. Runs on Linux, macOS and Windows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from participant_kit.participant.client import Client
    from participant_kit.participant.submission import Submission

__all__ = ["Client", "Submission"]


def __getattr__(name: str) -> Any:
    """Load ``Client`` and ``Submission`` when they are asked for, so that the command line starts fast."""
    if name == "Client":
        from participant_kit.participant.client import Client

        return Client
    if name == "Submission":
        from participant_kit.participant.submission import Submission

        return Submission
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
