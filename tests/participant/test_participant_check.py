"""Mistakes that are found without running a notebook."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from small_gateway import CELLS, write_notebook

from participant_kit.challenge.finding import Finding
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.execution.environment import Environment
from participant_kit.participant.check import check_notebook
from participant_kit.participant.kernel import environment_of

PARAMETERS, SOLUTION = CELLS


def check(kit: ChallengeFolder, *cells: tuple[str, str], **metadata: object) -> list[Finding]:
    return check_notebook(write_notebook(kit.root / "tried.ipynb", *cells, **metadata), kit)


def with_cell(kit: ChallengeFolder, source: str) -> list[Finding]:
    """Findings for the starter notebook with ``source`` as its cell 2."""
    return check(kit, PARAMETERS, ("", source), SOLUTION)


def test_the_starter_notebook_has_no_mistake(kit: ChallengeFolder, notebook: Path) -> None:
    assert check_notebook(notebook, kit) == []


def test_a_file_that_is_no_notebook_is_one_finding(kit: ChallengeFolder) -> None:
    path = kit.root / "script.ipynb"
    path.write_text("print(1)")
    (finding,) = check_notebook(path, kit)
    assert "no JSON" in finding.found


def test_a_notebook_that_is_too_large_is_one_finding(kit: ChallengeFolder) -> None:
    (finding,) = check(kit, ("", "x = '" + "a" * 2_000_000 + "'"))
    assert "at most 1 MiB" in finding.expected


def test_without_a_parameters_cell_it_cannot_run(kit: ChallengeFolder) -> None:
    (finding,) = check(kit, ("", 'data_dir = output_dir = "."'), SOLUTION)
    assert (finding.key, finding.level) == ("parameters", "error")


def test_the_parameters_cell_assigns_both_folders(kit: ChallengeFolder) -> None:
    (finding,) = check(kit, ("parameters", 'data_dir = "x"'), SOLUTION)
    assert (finding.key, finding.cell) == ("output_dir", 1)


def test_parameters_are_strings_because_strings_take_their_place(kit: ChallengeFolder) -> None:
    source = 'from pathlib import Path\ndata_dir = Path("../sample_data")\noutput_dir = "."'
    (finding,) = check(kit, ("parameters", source), SOLUTION)
    assert (finding.key, finding.cell, finding.line) == ("data_dir", 1, 2)


def test_a_parameter_that_is_assigned_again_is_a_warning(kit: ChallengeFolder) -> None:
    (finding,) = with_cell(kit, "\ndata_dir = 'elsewhere'")
    assert (finding.key, finding.cell, finding.line, finding.level) == ("data_dir", 2, 2, "warning")
    assert with_cell(kit, "from pathlib import Path\ndata_dir = Path(data_dir)") == []


def test_another_language_is_an_error(kit: ChallengeFolder) -> None:
    spec = {"name": "ir", "display_name": "R", "language": "R"}
    assert [f.found for f in check(kit, *CELLS, kernelspec=spec)] == ["the language R"]


def test_too_many_cells_are_an_error(kit: ChallengeFolder) -> None:
    findings = check(kit, *CELLS, *[("", "x = 1")] * 20)
    assert [(f.expected, f.found) for f in findings] == [("at most 20 cells", "22")]


def test_output_that_no_cell_names_is_an_error(kit: ChallengeFolder) -> None:
    (finding,) = check(kit, PARAMETERS, ("", "# predictions.csv\nprint(data_dir, output_dir)"))
    assert finding.key == "output"


def test_output_beside_output_dir_is_an_error(kit: ChallengeFolder) -> None:
    (finding,) = check(kit, PARAMETERS, ("", 'open("predictions.csv", "w")'))
    assert finding.key == "output_dir"


@pytest.mark.parametrize(
    ("source", "line"),
    [("x = (1,\ny = 2", 1), ("x = 1\n\n  y = 2", 3), ("\n\n\nfor", 4), ("%%time\nx = 1\nif", 3), ("x = '\0'", 1)],
)
def test_a_syntax_error_is_named_with_its_cell_and_line(kit: ChallengeFolder, source: str, line: int) -> None:
    (finding,) = with_cell(kit, source)
    assert (finding.cell, finding.level) == (2, "error")
    assert finding.line == line


@pytest.mark.parametrize(
    "source",
    [
        "%matplotlib inline\nx = 1",
        "%%time\nx = 1",
        "x = 1\nx?",
        "import asyncio\nawait asyncio.sleep(0)",
        "%%html\n<b>not Python</b>",
        "import os, sys, json",
        "import sklearn.linear_model\nfrom sklearn import metrics",
        "try:\n    import torch\nexcept ImportError:\n    torch = None",
        "'a docstring that tells of https://example.org and /home/ada/x'",
        "x = '/tmp/scratch/model.bin'",
        "pattern = r'\\d+/\\d+'",
    ],
)
def test_what_works_in_a_notebook_is_no_mistake(kit: ChallengeFolder, source: str) -> None:
    assert with_cell(kit, source) == []


@pytest.mark.parametrize(
    ("source", "level", "words"),
    [
        ("%pip install torch", "error", "there is no network"),
        ("!pip install torch", "error", "there is no network"),
        ("!conda install -y torch", "error", "there is no network"),
        ("files = !ls", "warning", "Python alone"),
        ("!ls -l", "warning", "Python alone"),
        ("%%bash\nls", "warning", "Python alone"),
        ("import torch", "warning", "requirements.txt"),
        ("import imblearn", "warning", "imbalanced-learn"),
        ("from . import helper", "error", "travels alone"),
        ("pd_path = '/home/ada/train.csv'", "error", "data_dir"),
        ("pd_path = r'C:\\data\\train.csv'", "error", "data_dir"),
        ("pd_path = '../sample_data/train.parquet'", "error", "data_dir"),
        ("pd_path = f'../sample_data/{1}.parquet'", "error", "data_dir"),
        ("pd_path = '../models/best.bin'", "warning", "may not exist"),
        ("pd_path = '/data/shared/train.csv'", "warning", "may not exist"),
        ("url = 'https://example.org/extra.csv'", "warning", "network"),
    ],
)
def test_what_will_not_work_there_is_found_in_its_line(
    kit: ChallengeFolder, source: str, level: str, words: str
) -> None:
    (finding,) = with_cell(kit, f"x = 1\n{source}" if not source.startswith("%%") else source)
    assert (finding.cell, finding.level) == (2, level)
    assert finding.line == (1 if source.startswith("%%") else 2)
    assert words in finding.expected


def test_a_module_or_file_beside_the_notebook_does_not_travel(kit: ChallengeFolder) -> None:
    (kit.root / "helper.py").write_text("x = 1")
    (kit.root / "extra.csv").write_text("a,b")
    error, warning = with_cell(kit, "import helper\nopen('extra.csv')")
    assert (error.level, error.found) == ("error", "import helper")
    assert (warning.level, warning.found) == ("warning", "'extra.csv'")


def test_once_the_environment_is_made_a_missing_package_is_certain(
    kit: ChallengeFolder, environment: Environment
) -> None:
    assert environment_of(kit) == environment
    assert with_cell(kit, "import scipy.stats, papermill") == [], "installed, though requirements.txt names no scipy"
    (finding,) = with_cell(kit, "import torch")
    assert (finding.level, finding.found) == ("error", "import torch")


def test_findings_come_in_the_order_of_the_notebook(kit: ChallengeFolder) -> None:
    path = write_notebook(kit.root / "tried.ipynb", PARAMETERS, ("", "import torch\n!ls"), SOLUTION, ("", "x ="))
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_markdown_cell("# Title"))
    nbformat.write(notebook, path)
    assert [(f.cell, f.line) for f in check_notebook(path, kit)] == [(3, 1), (3, 2), (5, 1)]
