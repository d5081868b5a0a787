"""What Codabench's compute worker does with a submission, step by step, in bubblewrap instead of Docker.

The folders are the worker's: ``/app/program``, ``/app/input_data``, ``/app/ingested_program``, ``/app/input/ref``,
``/app/input/res``, ``/app/output``, ``/app/shared``, and ``/app/data`` of the organizer's own worker. No network, no
participant-kit: the repository is not mounted, only the Python environment with its packages.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

_VARIABLES = (
    ("$input", {"ingestion": "/app/input_data", "program": "/app/input"}),
    ("$output", "/app/output"),
    ("$program", "/app/program"),
    ("$ingestion_program", "/app/program"),
    ("$hidden", "/app/input/ref"),
    ("$shared", "/app/shared"),
    ("$submission_program", "/app/ingested_program"),
    ("$tmp", "/app/output"),
)
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc")


def run_submission(
    bundle: Path, task: int, submission: Path, data: Path, work: Path, *, results: bool = False
) -> dict[str, Any]:
    """The scores of the folder ``submission`` on the task of this index, from the bundle's own programs.

    With ``results`` the ingestion program may fail, as it does there when there is no code for it.
    """
    content = yaml.safe_load((bundle / "competition.yaml").read_text())["tasks"][task]
    for name in ("predicted", "scored", "shared", "input"):
        (work / name).mkdir(parents=True)
    kinds = [kind for kind in content if kind.endswith(("_data", "_program"))]
    folders = {kind: _unpacked(bundle, content[kind], work / kind) for kind in kinds}
    given = {"/app/input_data": folders["input_data"]} if "input_data" in folders else {}
    beside = content.get("ingestion_only_during_scoring", False)
    if beside or "ingestion_program" not in folders:
        shutil.copytree(submission, work / "predicted", dirs_exist_ok=True)
    else:
        if not any((submission / name).exists() for name in ("metadata.yaml", "metadata")):
            shutil.copytree(submission, work / "predicted", dirs_exist_ok=True)  # it may be results
        mounts = {"/app/ingested_program": submission, "/app/output": work / "predicted"}
        _run(folders["ingestion_program"], "ingestion", {"/app/data": data, **mounts, **given}, results=results)
    shutil.copytree(work / "predicted", work / "input" / "res")
    if "reference_data" in folders:
        shutil.copytree(folders["reference_data"], work / "input" / "ref")
    mounts = {"/app/input": work / "input", "/app/output": work / "scored", "/app/shared": work / "shared"}
    with ThreadPoolExecutor() as pool:
        runs = [pool.submit(_run, folders["scoring_program"], "program", {"/app/data": data, **mounts})]
        if beside:
            mounts["/app/ingested_program"] = work / "input" / "res"
            runs.append(
                pool.submit(_run, folders["ingestion_program"], "ingestion", {"/app/data": data, **mounts, **given})
            )
        for run in runs:
            run.result()
    scores = work / "scored" / "scores.json"
    return dict(
        json.loads(scores.read_text()) if scores.exists() else yaml.safe_load(scores.with_suffix(".txt").read_text())
    )


def _unpacked(bundle: Path, name: str, target: Path) -> Path:
    if name.endswith(".zip"):
        with zipfile.ZipFile(bundle / name) as archive:
            archive.extractall(target)
    else:
        shutil.copytree(bundle / name, target)
    return target


def _run(program: Path, kind: str, mounts: dict[str, Path], *, results: bool = False) -> None:
    metadata = next(program / name for name in ("metadata.yaml", "metadata") if (program / name).exists())
    command = yaml.safe_load(metadata.read_text())["command"]
    for name, value in _VARIABLES:
        command = command.replace(name, value if isinstance(value, str) else value[kind])
    words = ["bwrap", "--unshare-all", "--die-with-parent", "--clearenv", "--dev", "/dev", "--proc", "/proc"]
    words += ["--tmpfs", "/tmp", "--setenv", "HOME", "/tmp", "--setenv", "OMP_NUM_THREADS", "1"]
    words += ["--setenv", "PATH", f"{sys.prefix}/bin:/usr/bin:/bin"]
    for path in (*_SYSTEM, sys.base_prefix, sys.prefix):
        words += ["--ro-bind-try", path, path]
    for inside, outside in {"/app/program": program, **mounts}.items():
        words += ["--ro-bind" if inside == "/app/data" else "--bind", str(outside), inside]
    done = subprocess.run(
        [*words, "--chdir", "/app/program", *shlex.split(command)], capture_output=True, text=True, check=False
    )
    assert results or done.returncode == 0, f"{kind}: {done.stdout}{done.stderr}"
