"""Runs a notebook's cells in this process: far faster than a kernel, and with every warning an error."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from threadpoolctl import threadpool_limits


def run_cells(notebook: Any, data: Path, output: Path) -> str:
    """What the cells print, on the tables in ``data``; plots are drawn, and the files are written to ``output``."""
    names: dict[str, Any] = {"__name__": "__main__"}
    settings = dict(plt.rcParams)
    plt.switch_backend("agg")
    with (
        contextlib.redirect_stdout(io.StringIO()) as printed,
        warnings.catch_warnings(),
        threadpool_limits(1),  # others wait for the same cores
    ):
        warnings.simplefilter("error")
        for cell in notebook.cells:
            if cell.cell_type == "code":
                exec(compile(cell.source, cell.id, "exec"), names)
            if "parameters" in cell.metadata.get("tags", []):
                names |= {"data_dir": str(data), "output_dir": str(output)}
            for figure in map(plt.figure, plt.get_fignums()):
                figure.canvas.draw()
                plt.close(figure)
    plt.rcParams.update(settings)
    return printed.getvalue()
