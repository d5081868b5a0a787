"""Next steps, as they are taken in a notebook."""

from __future__ import annotations

import re

_HERE = re.compile(r"\bpkit (check|rehearse|submit|status|leaderboard|cancel)\b")


def for_notebook(text: str) -> str:
    """``text`` with ``%blind`` in place of the commands of a terminal, as far as it has them."""
    text = _HERE.sub(r"%blind \1", text).replace("pkit watch", "%blind status").replace(" NOTEBOOK", "")
    return f"{text} (in a terminal)" if re.search(r"\bpkit [a-z]", text) else text
