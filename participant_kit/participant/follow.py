"""A submission that is shown until it has ended, in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context

from participant_kit.challenge.errors import KitError
from participant_kit.participant.submission import Submission

NAME = "participant-kit: follow"
"""The name of such a thread."""


def follow(submission: Submission, show: Callable[[str], None]) -> threading.Thread:
    """Call ``show`` at once and each second until ``submission`` has ended, from a thread, which is returned.

    It is a daemon: it holds up neither a kernel nor its end. ``show`` is told why it stops, should the gateway stay
    out of reach.
    """
    trouble: list[str] = []

    def wait() -> None:
        try:
            submission.wait()
        except KitError as error:
            trouble.append(str(error))

    def keep_showing() -> None:
        waiting = threading.Thread(target=wait, daemon=True)
        waiting.start()
        while waiting.is_alive():
            show("")
            waiting.join(1)
        show("".join(trouble))

    context = copy_context()  # in which ipykernel keeps the cell that what is shown belongs to
    thread = threading.Thread(target=context.run, args=(keep_showing,), daemon=True, name=NAME)
    thread.start()
    return thread
