"""The Python code of a notebook's cells, parsed; IPython's magics are told apart from it."""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass, field
from typing import Any

_PYTHON_MAGICS = {"time", "timeit", "capture", "prun", "px"}
_SHELL_MAGICS = {"bash", "sh", "script", "system", "sx", "!", "cmd"}
_CELL_MAGIC = re.compile(r"\s*%%(\S+)")


@dataclass(frozen=True)
class CodeCell:
    """One code cell. ``number`` counts all cells from 1. Without ``tree``, ``error`` is the reason and its line."""

    number: int
    source: str
    tags: tuple[str, ...]
    tree: ast.Module | None = None
    error: tuple[str, int] | None = None
    shell: list[int] = field(default_factory=list)
    installs: list[int] = field(default_factory=list)


def code_cells(notebook: Any) -> list[CodeCell]:
    """Every code cell of ``notebook``, with the lines on which it calls a shell or installs packages."""
    return [
        _parse(number, cell["source"], tuple(cell["metadata"].get("tags", ())))
        for number, cell in enumerate(notebook["cells"], 1)
        if cell["cell_type"] == "code"
    ]


def _parse(number: int, source: str, tags: tuple[str, ...]) -> CodeCell:
    python, offset = source, 0
    if magic := _CELL_MAGIC.match(source):
        first = source[: magic.start(1)].count("\n") + 1
        if magic[1] not in _PYTHON_MAGICS:
            shell = [first] if magic[1] in _SHELL_MAGICS else []
            return CodeCell(number, source, tags, ast.Module([], []), shell=shell)
        offset = first
        python = "\n".join(source.splitlines()[first:])
    stripped = python.lstrip("\n")  # IPython drops empty first lines, and numbers are to be those of the cell
    offset += len(python) - len(stripped)
    try:
        tree = _tree(stripped)
    except SyntaxError as error:
        return CodeCell(number, source, tags, error=(error.msg or "invalid syntax", (error.lineno or 1) + offset))
    except (ValueError, RecursionError, MemoryError) as error:
        return CodeCell(number, source, tags, error=(str(error) or "too deeply nested", 1 + offset))
    ast.increment_lineno(tree, offset)
    cell = CodeCell(number, source, tags, tree)
    for node in ast.walk(tree):
        _sort_magic(node, cell)
    return cell


def _tree(source: str) -> ast.Module:
    from IPython.core.inputtransformer2 import TransformerManager

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the notebook's own code is warned about is shown when it runs
        transformer: Any = TransformerManager  # it carries no types
        python = transformer().transform_cell(source)
        tree = compile(python, "<cell>", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if not isinstance(tree, ast.Module):
        raise ValueError("this is no module")
    return tree


def _sort_magic(node: ast.AST, cell: CodeCell) -> None:
    """``!`` and ``%`` lines became calls of ``get_ipython()``: note those that need a shell or an index."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name("get_ipython")), attr=name), args=[*arguments]):
            text = " ".join(str(x.value) for x in arguments if isinstance(x, ast.Constant))
            if re.search(r"\b(pip3?|conda|mamba|uv)\b.*\b(install|add)\b", text):
                cell.installs.append(node.lineno)
            elif name in ("system", "getoutput") or text.split(" ")[0] in _SHELL_MAGICS:
                cell.shell.append(node.lineno)
