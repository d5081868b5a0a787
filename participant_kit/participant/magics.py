"""``%blind`` in a kernel that has this package: ``%load_ext participant_kit``."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class
from IPython.display import display

from participant_kit.challenge.errors import KitError
from participant_kit.participant.follow import follow
from participant_kit.participant.hints import for_notebook

if TYPE_CHECKING:
    from participant_kit.participant.commands import Answer, Here
    from participant_kit.participant.submission import Submission

_RAN = 20
"""How many of the cells that ran are looked at."""


@magics_class
class BlindMagics(Magics):
    """``%blind submit`` and the other commands that ``%blind help`` lists."""

    @line_magic
    def blind(self, line: str) -> None:
        """Submit this notebook, see what became of it, look at the leaderboard. ``%blind help`` lists all."""
        from participant_kit.participant.commands import run_command  # it takes a second to load

        shown = _Shown(self.shell)
        answer = run_command(line, _here(self.shell), shown.tell)
        shown.answer(answer)


class _Shown:
    """What a cell shows of one command: in one place, brought up to date."""

    def __init__(self, shell: Any) -> None:
        self._kernel = getattr(shell, "kernel", None)
        self._handle: Any = None

    def tell(self, line: str) -> None:
        """Show what is being done."""
        self._show({"text/plain": line})

    def answer(self, answer: Answer) -> None:
        """Show ``answer``; where it goes on, in a widget if there are widgets. A terminal goes on only to wait."""
        if answer.submission and answer.goes_on and self._kernel:
            self._follow(answer, answer.submission)
            return
        self._show(answer.bundle())
        if answer.submission and answer.goes_on and answer.wait:
            try:
                answer.submission.wait(progress=lambda status: self.tell(status.state.value))
            except KitError as error:
                raise UsageError(for_notebook(str(error))) from None
            self._show(answer.bundle())
        if answer.problem:
            raise UsageError(answer.problem)

    def _follow(self, answer: Answer, submission: Submission) -> None:
        widget = None
        if getattr(self._kernel, "comm_manager", None) and find_spec("ipywidgets"):
            from ipywidgets import HTML  # type: ignore[import-untyped]

            widget = HTML(answer.bundle()["text/html"])
        self._show(widget or answer.bundle())

        def show(trouble: str) -> None:
            bundle = answer.bundle(trouble)
            if widget:
                widget.value = bundle["text/html"]
            if not widget or trouble or not answer.goes_on:
                self._show(bundle)  # the end takes the widget's place: it is still there when the file is opened again

        thread = follow(submission, show)
        while answer.wait and thread.is_alive():
            thread.join(0.5)  # in parts, so that it can be interrupted on Windows

    def _show(self, thing: Any) -> None:
        raw = isinstance(thing, dict)
        if self._handle is None:
            self._handle = display(thing, raw=raw, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(thing, raw=raw)


def _here(shell: Any) -> Here:
    """The notebook of this kernel: as VS Code says, else as Jupyter Server does."""
    from participant_kit.participant.commands import Here

    path = shell.user_ns.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME")
    return Here(str(path) if path else None, list(shell.history_manager.input_hist_raw[-_RAN:]))
