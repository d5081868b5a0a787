"""A notebook: JSON that a participant wrote, or got from somebody."""

from pathlib import Path
from tempfile import TemporaryDirectory

from participant_kit.participant.prepare import NotebookError, prepare_notebook

_FOLDER = TemporaryDirectory()
_PATH = Path(_FOLDER.name) / "notebook.ipynb"


def run(data: bytes) -> None:
    """Prepared or refused; and what was prepared is prepared already."""
    _PATH.write_bytes(data)
    try:
        prepared = prepare_notebook(_PATH, 1 << 20)
    except NotebookError:
        return
    _PATH.write_bytes(prepared.notebook)
    assert prepare_notebook(_PATH).notebook == prepared.notebook
