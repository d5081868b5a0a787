"""``%blind`` in the kernel of a challenge, which has that challenge's packages and not participant-kit.

This file stands in for the package there. It hands the command to the Python that has it (``PKIT_PYTHON``), and shows
what comes back. ``participant_kit/participant/magics_process.py`` is the other end. Any IPython will do.
"""

from __future__ import annotations

import contextlib
import contextvars
import json
import os
import subprocess
import threading
from typing import Any

from IPython.core.error import UsageError
from IPython.display import display

_RAN = 20
"""How many of the cells that ran are handed on, to see whether they are saved."""
_GONE = "participant-kit is not where it was. Join the challenge again, in a terminal: pkit join CHALLENGE"


def load_ipython_extension(shell: Any) -> None:
    """Add ``%blind``. Called by ``%load_ext participant_kit``."""

    def blind(line: str) -> None:
        """Submit this notebook, see what became of it, look at the leaderboard. ``%blind help`` lists all."""
        notebook = shell.user_ns.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME")
        ran = list(shell.history_manager.input_hist_raw[-_RAN:])
        _ask({"line": line, "notebook": notebook, "ran": ran})

    shell.register_magic_function(blind)


def _ask(request: dict[str, Any]) -> None:
    """Show the answer as it comes; in the background once the cell need not wait for it."""
    answers = _Answers(request)
    try:
        while answers.show_next():
            if not answers.wait:
                context = contextvars.copy_context()  # in which ipykernel keeps the cell that this belongs to
                threading.Thread(target=context.run, args=(answers.show_all,), daemon=True).start()
                return
    except BaseException:
        answers.process.kill()
        raise


class _Answers:
    """What the other process says, shown in one place. It ends when nobody holds its standard input any more."""

    def __init__(self, request: dict[str, Any]) -> None:
        python = os.environ.get("PKIT_PYTHON", "")
        try:
            self.process = subprocess.Popen(
                [python, "-P", "-m", "participant_kit.participant.magics_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
                start_new_session=True,  # interrupting the kernel is not meant for what goes on in the background
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError:
            raise UsageError(f"{_GONE} ({python} cannot be started.)") from None
        self.wait = True
        self._handle: Any = None
        if self.process.stdin:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()

    def show_next(self) -> bool:
        """Show the next answer; whether more will come. Raises ``UsageError`` for an error."""
        line = self.process.stdout.readline() if self.process.stdout else ""
        said: dict[str, Any] = json.loads(line) if line else {"error": f"{_GONE} (It gave no answer.)"}
        if "error" in said:
            raise UsageError(said["error"])
        bundle = {"text/plain": said["text"]} | ({"text/html": said["html"]} if "html" in said else {})
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(bundle, raw=True)
        self.wait = said["wait"]
        if said["final"]:
            self.process.wait()
        return not said["final"]

    def show_all(self) -> None:
        """Show what is left."""
        with contextlib.suppress(UsageError):
            while self.show_next():
                pass
