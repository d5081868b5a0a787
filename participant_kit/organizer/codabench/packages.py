"""What packages programs import, as well as their text tells: bundles name an image instead."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import packages_distributions, version
from pathlib import Path

from participant_kit.organizer.check import NEEDED

_ELSEWHERE = {
    "PIL": "pillow", "bs4": "beautifulsoup4", "cv2": "opencv-python-headless", "lightgbm": "lightgbm",
    "skimage": "scikit-image", "sklearn": "scikit-learn", "tensorflow": "tensorflow", "torch": "torch",
    "torchvision": "torchvision", "xgboost": "xgboost", "yaml": "PyYAML",
}  # fmt: skip
"""Import names of packages that may not be installed here."""


def guess_requirements(folders: Iterable[Path]) -> tuple[str, list[str]]:
    """``requirements.txt`` for the Python files in ``folders``, and the import names that nothing could be said of.

    Versions are those installed here; what is not installed stays a comment, for the organizer to pin.
    """
    imported = sorted({name for folder in folders for name in _imports(folder)} - set(sys.stdlib_module_names))
    installed = _installed()
    pinned, open_, unknown = set(NEEDED), set[str](), []
    for name in imported:
        if name in installed:
            pinned.add(_ELSEWHERE.get(name, installed[name][0]))
        elif name in _ELSEWHERE:
            open_.add(_ELSEWHERE[name])
        else:
            unknown.append(name)
    lines = [f"{name}=={version(name)}" for name in sorted(pinned, key=str.lower)]
    lines += [f"# {name}==  (imported; not installed here: pin a version)" for name in sorted(open_)]
    lines += [f"# {name}  (imported; of which package is not known)" for name in unknown]
    return "\n".join(lines) + "\n", [*sorted(open_), *unknown]


@cache
def _installed() -> Mapping[str, list[str]]:
    """Packages here by the names that they are imported by; finding out takes a second."""
    return packages_distributions()


def _imports(folder: Path) -> set[str]:
    """Top-level names that the Python files of ``folder`` import, without the modules that lie there."""
    files = sorted(folder.rglob("*.py"))
    own = {path.stem for path in files} | {path.parent.name for path in files}
    names: set[str] = set()
    for path in files:
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    return names - own
