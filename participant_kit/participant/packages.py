"""Which modules a notebook can import in a challenge's environment."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.participant.kernel import known_environment

_LIST = "import json, importlib.metadata as m; print(json.dumps(sorted(m.packages_distributions())))"

_MODULES = {
    "attrs": {"attr", "attrs"},
    "beautifulsoup4": {"bs4"},
    "imbalanced-learn": {"imblearn"},
    "opencv-python": {"cv2"},
    "opencv-python-headless": {"cv2"},
    "pillow": {"PIL"},
    "protobuf": {"google"},
    "pytorch-lightning": {"pytorch_lightning"},
    "python-dateutil": {"dateutil"},
    "pyyaml": {"yaml"},
    "scikit-image": {"skimage"},
    "scikit-learn": {"sklearn"},
    "scikit-survival": {"sksurv"},
    "umap-learn": {"umap"},
}
"""Modules of distributions that are named otherwise."""


@dataclass(frozen=True)
class Importable:
    """Top-level modules. ``complete`` says that there are no others; else only requirements are known."""

    modules: frozenset[str]
    complete: bool

    def __contains__(self, module: str) -> bool:
        return module in sys.stdlib_module_names or module in self.modules


def importable(kit: ChallengeFolder) -> Importable:
    """What the environment of ``kit`` holds: asked of it where it is made, else read off the requirements."""
    if (environment := known_environment(kit)) and (modules := _installed(environment.python, environment.digest)):
        return Importable(modules, complete=True)
    return Importable(frozenset(_required_modules(kit.requirements_path)), complete=False)


@cache
def _installed(python: Path, digest: str) -> frozenset[str]:
    """What an environment holds, asked of it once: one with the same ``digest`` never changes. Empty if it fails."""
    listed = subprocess.run([python, "-I", "-c", _LIST], capture_output=True, check=False)
    return frozenset(json.loads(listed.stdout)) if listed.returncode == 0 else frozenset()


def distribution_of(module: str) -> str:
    """The distribution one would install for ``module``, as far as names tell."""
    return next((name for name, modules in _MODULES.items() if module in modules), module.replace("_", "-"))


def _required_modules(requirements: Path) -> set[str]:
    found: set[str] = set()
    for line in requirements.read_text("utf-8").splitlines():
        if match := re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", line):
            name = re.sub(r"[-_.]+", "-", match[1]).lower()
            found |= _MODULES.get(name, {name.replace("-", "_"), match[1]})
    return found
