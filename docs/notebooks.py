"""Writes the demonstration's notebooks, and their pages as they run on the sample: ``make notebooks``."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter
from papermill import execute_notebook

from participant_kit.challenge.folder import NOTEBOOKS, SAMPLE, ChallengeFolder
from participant_kit.organizer import demonstration
from participant_kit.organizer.starter import starter_notebooks

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "notebooks"
_STYLE = re.compile(r"<style scoped>.*?</style>\n", re.DOTALL)


def main() -> None:
    """Write each notebook, then its page with the pictures that it draws."""
    challenge = ChallengeFolder(Path(demonstration.__file__).parent)
    PAGES.mkdir(exist_ok=True)
    for name, notebook in starter_notebooks(challenge.card, challenge.codebook).items():
        path = ROOT / NOTEBOOKS / name
        nbformat.write(notebook, path)
        page = PAGES / f"{path.stem}.md"
        page.write_text(run(path, page.stem))
        sys.stdout.write(f"{path.relative_to(ROOT)}, {page.relative_to(ROOT)}\n")


def run(path: Path, name: str) -> str:
    """The notebook at ``path`` in Markdown, run on the sample; its pictures are written beside the page."""
    with tempfile.TemporaryDirectory() as folder:
        parameters = {"data_dir": str(ROOT / SAMPLE), "output_dir": folder}
        done = execute_notebook(
            path, Path(folder) / path.name, parameters=parameters, kernel_name="python3", progress_bar=False
        )
    done.cells = [cell for cell in done.cells if "injected-parameters" not in cell.metadata.get("tags", [])]
    resources = {"output_files_dir": ".", "unique_key": name}
    text, resources = MarkdownExporter().from_notebook_node(done, resources=resources)
    for file, content in resources["outputs"].items():
        (PAGES / file).write_bytes(content)
    return re.sub(r"[ \t]+\n", "\n", _STYLE.sub("", text)).strip() + "\n"


if __name__ == "__main__":
    main()
