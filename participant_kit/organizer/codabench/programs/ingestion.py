"""Executes the participant's notebook. Runs on Codabench's worker; papermill and nbformat are all it needs.

Nothing of the notebook is printed: what a program prints there is streamed to the site.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

from place import input_folder  # type: ignore[import-not-found]  # lies beside it there

SUBMITTED, OUTPUT = Path("/app/ingested_program"), Path("/app/output")


def main() -> str:
    """Run the one notebook; what stopped it, or an empty text."""
    import nbformat
    import papermill

    said = json.loads((Path(__file__).parent / "submission.json").read_text())
    notebooks = [path for path in sorted(SUBMITTED.rglob("*.ipynb")) if not path.name.startswith(".")]
    if len(notebooks) != 1:
        return f"one notebook is expected in the zip, and {len(notebooks)} were found"
    if notebooks[0].stat().st_size > said["max_notebook"]:
        return "the notebook is too large"
    notebook = nbformat.read(notebooks[0], as_version=4)
    if len(notebook.cells) > said["max_cells"]:
        return "the notebook has too many cells"
    if not any("parameters" in cell.metadata.get("tags", []) for cell in notebook.cells):
        return "no cell is tagged parameters"
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder, "output")
        written.mkdir()
        try:
            papermill.execute_notebook(
                str(notebooks[0]),
                str(Path(folder, "executed.ipynb")),
                parameters={"data_dir": str(input_folder()), "output_dir": str(written)},
                kernel_name="python3",
                language="python",
                progress_bar=False,
                cwd=folder,
            )
        except Exception:  # its text may quote the data
            return "the notebook failed"
        output = written / said["output"]
        if output.is_symlink() or not output.is_file():
            return f"the notebook wrote no {said['output']}"
        shutil.copyfile(output, OUTPUT / said["output"])
    return ""


if __name__ == "__main__":
    if wrong := main():
        sys.exit(f"No predictions: {wrong}.")
