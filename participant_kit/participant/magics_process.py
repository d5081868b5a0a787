"""``%blind`` for a kernel without this package: started by ``kernel_shim/participant_kit.py``, which shows its answers.

The request is one line of JSON on standard input, which stays open as long as somebody looks. Each line of standard
output is what to show in place of the one before: ``text`` and ``html``, whether it is ``final``, and whether the cell
is to ``wait`` for the next; or, as the last one, an ``error``.
"""

from __future__ import annotations

import json
import os
import sys
import threading

from IPython.core.error import UsageError

from participant_kit.participant.commands import Answer, Here, run_command
from participant_kit.participant.follow import follow


def main() -> None:
    """Answer the one request."""
    request = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_kernel, daemon=True).start()
    try:
        answer = run_command(request["line"], Here(request["notebook"], request["ran"]), _tell)
        if answer.problem:
            _show(answer, wait=True)
            raise UsageError(answer.problem)
        if answer.submission and answer.goes_on:
            follow(answer.submission, lambda trouble: _show(answer, trouble, wait=answer.wait)).join()
        else:
            _show(answer)
    except UsageError as error:
        _say(error=str(error), final=True)


def _tell(line: str) -> None:
    _say(text=line, final=False, wait=True)


def _show(answer: Answer, trouble: str = "", *, wait: bool = False) -> None:
    bundle = answer.bundle(trouble)
    final = not (wait and answer.problem) and (bool(trouble) or not answer.goes_on)
    _say(text=bundle["text/plain"], html=bundle["text/html"], final=final, wait=wait)


def _say(**said: str | bool) -> None:
    line = json.dumps(said)
    if line != _last[0]:
        _last[0] = line
        _answers.write(line + "\n")
        _answers.flush()


def _end_with_kernel() -> None:
    sys.stdin.read()
    os._exit(0)


_last = [""]
_answers = sys.stdout

if __name__ == "__main__":
    _answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else is printed is no answer
    main()
