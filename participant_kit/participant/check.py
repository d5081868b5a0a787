"""What is wrong with a notebook, found without running it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from participant_kit.challenge.card import Card
from participant_kit.challenge.finding import Finding
from participant_kit.challenge.folder import SAMPLE, TABLES, ChallengeFolder
from participant_kit.challenge.units import format_size
from participant_kit.participant.code import CodeCell, code_cells
from participant_kit.participant.packages import Importable, distribution_of, importable
from participant_kit.participant.prepare import NotebookError, prepare_notebook

PARAMETERS = ("data_dir", "output_dir")

_URL = re.compile(r"(https?|ftp|s3|gs|wss?)://\S", re.IGNORECASE)
_HOME = re.compile(r"(~[/\\]|/(home|Users|content|kaggle|mnt|media|root|Volumes)/|[A-Za-z]:[\\/](?![\\/]))")
_ABSOLUTE = re.compile(r"/(?!(tmp|dev|proc|work)(/|$))[\w.-]+/[\w./-]+$")
_MISSING_IMPORT = {"ImportError", "ModuleNotFoundError", "Exception"}


def check_notebook(path: Path, kit: ChallengeFolder) -> list[Finding]:
    """Every mistake that can be seen in the notebook at ``path`` for the challenge of ``kit``, in its order.

    Errors would make the blind run fail; warnings may. Raises
    :class:`~participant_kit.challenge.finding.FindingsError` only when the kit's own card cannot be read.
    """
    card = kit.card
    try:
        notebook = prepare_notebook(path, card.submission.max_notebook).source_nb
    except NotebookError as error:
        expected = (
            f"at most {format_size(card.submission.max_notebook)}" if error.reason == "too_large" else "a notebook"
        )
        found = error.message.removeprefix(f"{path} ").removeprefix(f"{path.name} ").rstrip(".")
        return [Finding(path.name, f"{expected}. {error.hint.rstrip('.')}", f"that it {found}")]
    cells = code_cells(notebook)
    findings = [
        *_check_whole(path.name, notebook, card),
        *_check_parameters(path.name, cells),
        *_check_output(path.name, cells, card),
    ]
    packages = importable(kit)
    for cell in cells:
        findings += _check_syntax(path.name, cell)
        findings += _check_imports(path, cell, packages)
        findings += _check_strings(path, cell, card)
    return sorted(set(findings), key=lambda finding: (finding.cell or 0, finding.line or 0))


def _check_whole(name: str, notebook: Any, card: Card) -> Iterator[Finding]:
    kernel, info = notebook.metadata.get("kernelspec", {}), notebook.metadata.get("language_info", {})
    language = kernel.get("language") or info.get("name") or "python"
    if language != "python":
        yield Finding(name, "a notebook with a Python kernel", f"the language {language}", "kernelspec")
    if len(notebook.cells) > card.submission.max_cells:
        yield Finding(name, f"at most {card.submission.max_cells} cells", f"{len(notebook.cells)}")


def _check_parameters(name: str, cells: list[CodeCell]) -> Iterator[Finding]:
    tagged = [cell for cell in cells if "parameters" in cell.tags]
    if not tagged:
        expected = f"a code cell tagged 'parameters' that assigns {' and '.join(PARAMETERS)}"
        yield Finding(name, expected, "none", "parameters")
        return
    first = tagged[0]
    for other in tagged[1:]:
        yield Finding(name, "one cell tagged 'parameters'", "another", cell=other.number, level="warning")
    if first.tree is None:
        return
    values = _assigned(first.tree)
    for parameter in PARAMETERS:
        if parameter not in values:
            yield Finding(name, f"{parameter} assigned in the parameters cell", "nothing", parameter, cell=first.number)
            continue
        value = values[parameter]
        if not (isinstance(value, ast.Constant) and isinstance(value.value, str)):
            expected = "a plain string, because a string takes its place (make a Path of it in a later cell)"
            yield Finding(name, expected, ast.unparse(value), parameter, value.lineno, first.number)
    for cell in cells:
        for parameter, value in _assigned(cell.tree).items() if cell.tree and cell is not first else ():
            if parameter in PARAMETERS and parameter not in _names(value):
                expected = f"{parameter} as the parameters cell gives it"
                yield Finding(name, expected, ast.unparse(value), parameter, value.lineno, cell.number, "warning")


def _check_output(name: str, cells: list[CodeCell], card: Card) -> Iterator[Finding]:
    output, trees = card.submission.output, [cell.tree for cell in cells if cell.tree]
    if len(trees) < len(cells):
        return  # what cannot be parsed may write it
    if not card.tasks and not any(output in text for tree in trees for text, _ in _strings(tree)):
        yield Finding(name, f"{output}, written into output_dir", "no cell that names it", "output")
    elif not any("output_dir" in _names(cell.tree) or "{output_dir}" in cell.source for cell in cells if cell.tree):
        file = "model.py" if card.tasks else output
        yield Finding(name, f"output_dir used, as in Path(output_dir) / {file!r}", "no use of it", "output_dir")


def _check_syntax(name: str, cell: CodeCell) -> Iterator[Finding]:
    if cell.error:
        yield Finding(name, "valid Python", cell.error[0], line=cell.error[1], cell=cell.number)
    for line in cell.installs:
        expected = "only packages of requirements.txt, because there is no network"
        yield Finding(name, expected, "an installation", line=line, cell=cell.number)
    for line in cell.shell:
        expected = "Python alone; the sandbox has few programs and no network"
        yield Finding(name, expected, "a shell command", line=line, cell=cell.number, level="warning")


def _check_imports(path: Path, cell: CodeCell, packages: Importable) -> Iterator[Finding]:
    for module, line in _imports(cell.tree):
        if module in packages:
            continue
        if not module or any((path.parent / part).exists() for part in (f"{module}.py", f"{module}/__init__.py")):
            expected, certain = "code in the notebook itself, which travels alone", True
        else:
            expected = f"a module that requirements.txt installs ({distribution_of(module)} is not in it)"
            certain = packages.complete
        level = "error" if certain else "warning"
        found = f"import {module}" if module else "a relative import"
        yield Finding(path.name, expected, found, line=line, cell=cell.number, level=level)  # type: ignore[arg-type]  # mypy widens the conditional


def _check_strings(path: Path, cell: CodeCell, card: Card) -> Iterator[Finding]:
    if "parameters" in cell.tags or cell.tree is None:
        return
    known = {card.submission.output, *(f"{table}.parquet" for table in TABLES)}
    for text, line in _strings(cell.tree):
        level, expected = "warning", ""
        if _URL.match(text):
            expected = "nothing from a network, because there is none"
        elif re.search(rf"(^|[/\\]){SAMPLE}([/\\]|$)", text):
            level, expected = "error", "data_dir in its place; the sample is not there"
        elif _HOME.match(text):
            level, expected = "error", "a path below data_dir or output_dir; this one does not exist there"
        elif _ABSOLUTE.match(text) or text.startswith(("../", "..\\")):
            expected = "a path below data_dir or output_dir; this one may not exist there"
        elif text not in known and _is_beside(path.parent, text):
            expected = "no file from beside the notebook, which travels alone"
        if expected:
            yield Finding(path.name, expected, repr(text[:80]), line=line, cell=cell.number, level=level)  # type: ignore[arg-type]  # as above


def _is_beside(folder: Path, text: str) -> bool:
    if not re.fullmatch(r"(\./)?[\w-][\w./-]{0,200}\.\w{1,8}", text):
        return False
    return (folder / text).is_file()


def _assigned(tree: ast.Module) -> dict[str, ast.expr]:
    """What is assigned to names at the top of ``tree``, the last one if twice."""
    values: dict[str, ast.expr] = {}
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        for target in targets:
            if isinstance(target, ast.Name) and isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
                values[target.id] = node.value
    return values


def _names(tree: ast.AST) -> set[str]:
    """Names that are read in ``tree``."""
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def _strings(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """String literals and their lines, without those that only stand there, such as docstrings."""
    bare = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in bare:
            yield node.value, node.lineno


def _imports(tree: ast.Module | None) -> Iterator[tuple[str, int]]:
    """Top-level modules (``""`` for a relative import) and lines, but those whose failure is caught."""
    if tree is None:
        return
    caught = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.Try) and any(_catches_import(handler) for handler in node.handlers)
        for statement in node.body
        for child in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if node in caught:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.partition(".")[0], node.lineno
        elif isinstance(node, ast.ImportFrom):
            yield ("" if node.level else (node.module or "").partition(".")[0]), node.lineno


def _catches_import(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or bool(_names(handler.type) & _MISSING_IMPORT)
