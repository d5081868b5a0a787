"""Lines of a notebook that are for this machine alone: ``%load_ext participant_kit`` and ``%blind ...``."""

from __future__ import annotations

import re

_OURS = re.compile(r"[ \t]*%{1,2}(blind|(re)?load_ext[ \t]+participant_kit)(?![\w.])")
_CELL = re.compile(r"\s*%%blind(?!\w)")
_COMMENT = "# participant-kit, left out"


def leave_out(source: str) -> str:
    """The code cell ``source`` with each of those lines replaced by a comment, so that it runs without this package.

    Line numbers stay. What the lines say is not kept, so that the same notebook submitted with another note is the
    same notebook.
    """
    lines = source.splitlines(keepends=True)
    if _CELL.match(source):
        return "".join(_comment(line) for line in lines)
    if not any(_OURS.match(line) for line in lines):
        return source
    from IPython.core.inputtransformer2 import EscapedCommand, find_end_of_continued_line, make_tokens_by_line

    rest = list(lines)  # as in IPython: once one magic is out of the way, what follows it can be told apart
    while command := EscapedCommand.find(make_tokens_by_line(rest)):  # type: ignore[no-untyped-call]
        first = command.start_line
        last = min(find_end_of_continued_line(rest, first), len(rest) - 1)
        ours = _OURS.match(lines[first])
        for number in range(first, last + 1):
            rest[number] = _comment(rest[number], statement=number == first)
            if ours:
                lines[number] = rest[number]
    return "".join(lines)


def _comment(line: str, *, statement: bool = False) -> str:
    """The comment for ``line``; an indented ``statement`` may be all that a block has."""
    indent = line[: len(line) - len(line.lstrip(" \t"))] if statement else ""
    end = line[len(line.rstrip("\r\n")) :]
    return f"{indent}{'pass  ' if indent else ''}{_COMMENT}{end}"
