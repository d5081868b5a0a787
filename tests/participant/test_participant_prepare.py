"""A notebook as it is sent."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import nbformat
import pytest
from small_gateway import write_notebook

from participant_kit.participant.prepare import NotebookError, prepare_notebook


def test_only_code_text_tags_and_the_language_are_sent(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(
        metadata={
            "kernelspec": {"name": "pkit-small", "display_name": "Small", "language": "python"},
            "language_info": {"name": "python", "version": "3.11.2"},
            "widgets": {"application/vnd.jupyter.widget-state+json": {"state": {"secret": 1}}},
            "author": "Ada",
        }
    )
    shown = nbformat.v4.new_output("stream", text="secret 42")
    metadata = {"tags": ["parameters"], "collapsed": True}
    notebook.cells = [
        nbformat.v4.new_code_cell("x = 1", metadata=metadata, outputs=[shown], execution_count=7),
        nbformat.v4.new_markdown_cell("![a](attachment:a.png)", attachments={"a.png": {"image/png": "aGk="}}),
    ]
    nbformat.write(notebook, tmp_path / "full.ipynb")
    prepared = prepare_notebook(tmp_path / "full.ipynb")
    sent = nbformat.reads(prepared.notebook.decode(), as_version=4)
    assert sent.metadata == {
        "kernelspec": {"name": "pkit-small", "display_name": "Small", "language": "python"},
        "language_info": {"name": "python"},
    }
    assert sent.cells[0] == {
        "cell_type": "code",
        "id": "cell-1",
        "metadata": {"tags": ["parameters"]},
        "source": "x = 1",
        "outputs": [],
        "execution_count": None,
    }
    assert sent.cells[1].attachments == {"a.png": {"image/png": "aGk="}}
    assert b"secret" not in prepared.notebook
    assert hashlib.sha256(prepared.notebook).hexdigest() == prepared.sha256


def test_running_a_notebook_again_does_not_change_what_is_sent(tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "a.ipynb")
    before = prepare_notebook(path)
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.execution_count, cell.id = 3, cell.id[::-1]
    nbformat.write(notebook, path)
    assert prepare_notebook(path).notebook == before.notebook


def test_notebooks_of_older_formats_are_brought_up_to_date(tmp_path: Path) -> None:
    cell = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": ["a = 1\n", "b = 2"], "outputs": []}
    four = {"nbformat": 4, "nbformat_minor": 2, "metadata": {}, "cells": [{**cell, "execution_count": None}]}
    old = {"cell_type": "code", "input": "a = 1", "language": "python", "outputs": [], "metadata": {}}
    three = {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [{"cells": [old]}]}
    for name, content, source in (("four", four, "a = 1\nb = 2"), ("three", three, "a = 1")):
        path = tmp_path / f"{name}.ipynb"
        path.write_text(json.dumps(content))
        sent = nbformat.reads(prepare_notebook(path).notebook.decode(), as_version=4)
        assert (sent.nbformat, sent.nbformat_minor, sent.cells[0].source) == (4, 5, source)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"# a script",
        b"\xff\xfe\x00",
        b"[1, 2]",
        b'{"cells": []}',
        b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}',
        b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "poem", "source": ""}]}',
        b'{"nbformat": 4, "nbformat_minor": 5, "metadata": [], "cells": []}',
        b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code", "source": 3}]}',
        b'{"nbformat": 99, "nbformat_minor": 0, "metadata": {}, "cells": 3}',
        b"[" * 100_000,
        b'{"nbformat":4,"nbformat_minor":5,"metadata":{},"cells":[{"cell_type":"raw","metadata":{},"source":"\\ud800"}]}',
    ],
    ids=str,
)
def test_what_is_no_notebook_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.ipynb"
    path.write_bytes(content)
    with pytest.raises(NotebookError, match=r"odd\.ipynb") as raised:
        prepare_notebook(path)
    assert raised.value.hint
    assert raised.value.reason == "unreadable_notebook"


@pytest.mark.parametrize("levels", (200, 300, 320, 340, 400, 900))
def test_a_notebook_nested_deeper_than_it_can_be_written_again_is_none(tmp_path: Path, levels: int) -> None:
    path = tmp_path / "deep.ipynb"
    cell = '{"cell_type": "markdown", "metadata": {}, "source": "", "attachments": {"a": '
    path.write_text('{"nbformat": 4, "metadata": {}, "cells": [' + cell + "[" * levels + "]" * levels + "}}]}")
    with pytest.raises(NotebookError, match=r"deep\.ipynb"):
        prepare_notebook(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotebookError, match="No such file"):
        prepare_notebook(tmp_path / "absent.ipynb")


def test_a_large_notebook_is_refused_unless_its_outputs_are_what_is_large(tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "large.ipynb", ("", "x = '" + "a" * 3_000_000 + "'"))
    with pytest.raises(NotebookError, match=r"2\.9 MiB without outputs; 1 MiB") as raised:
        prepare_notebook(path, 1 << 20)
    assert raised.value.reason == "too_large"
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell("x", outputs=[nbformat.v4.new_output("stream", text="a" * 3_000_000)])]
    nbformat.write(notebook, path)
    assert len(prepare_notebook(path, 1 << 20).notebook) < 1000
