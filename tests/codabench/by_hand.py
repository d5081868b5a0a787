"""A bundle's programs run by hand, in the folders that Codabench's worker makes, with nothing of ours between."""

from __future__ import annotations

import io
import json
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from participant_kit.execution.environment import Environment


def score_by_hand(bundle: Path, number: int, submission: bytes, environment: Environment) -> dict[str, Any]:
    """What the scoring program of the bundle's task ``number`` writes of ``submission``, a zip."""
    task = yaml.safe_load((bundle / "competition.yaml").read_text("utf-8"))["tasks"][number]
    with tempfile.TemporaryDirectory() as root:
        app = Path(root)
        submitted = app / "submitted"
        with zipfile.ZipFile(io.BytesIO(submission)) as archive:
            archive.extractall(submitted)
        results = submitted
        if task.get("ingestion_program") and not task.get("ingestion_only_during_scoring"):
            results = app / "predicted"
            if not any((submitted / name).exists() for name in ("metadata", "metadata.yaml")):
                shutil.copytree(submitted, results)
            else:
                results.mkdir()
            run(
                environment,
                bundle / task["ingestion_program"],
                {"/app/input_data": bundle / task["input_data"], "/app/ingested_program": submitted},
                results,
                {"$input": "/app/input_data"},
                check=False,  # the worker goes on
            )
        score, shared = app / "score", app / "shared"
        for folder in (score, shared):
            folder.mkdir()
        with ThreadPoolExecutor(2) as pool:
            seen = {"/app/input/res": results, "/app/shared": shared}
            seen |= {"/app/input_data": bundle / task["input_data"]} if "input_data" in task else {}
            if task.get("ingestion_only_during_scoring"):
                both = {"/app/ingested_program": submitted, "/app/shared": shared}
                pool.submit(run, environment, bundle / task["ingestion_program"], both, app / "nothing", {})
            seen["/app/input/ref"] = bundle / task["reference_data"]
            run(environment, bundle / task["scoring_program"], seen, score, {"$input": "/app/input"})
        for name in ("scores.json", "scores.txt"):
            if (score / name).is_file():
                text = (score / name).read_text("utf-8")
                return dict(json.loads(text) if name.endswith("json") else yaml.safe_load(text))
        raise AssertionError(f"{bundle} wrote no scores")


def run(
    environment: Environment,
    program: Path,
    seen: dict[str, Path],
    output: Path,
    variables: dict[str, str],
    check: bool = True,
) -> None:
    """One program, with ``seen`` where it looks for it. Bubblewrap is here for the paths alone."""
    output.mkdir(exist_ok=True)
    named = next(name for name in ("metadata.yaml", "metadata") if (program / name).is_file())
    command = yaml.safe_load((program / named).read_text("utf-8"))["command"]
    variables |= {"$output": "/app/output", "$program": "/app/program", "$ingestion_program": "/app/program"}
    for name, path in {**variables, "$submission_program": "/app/ingested_program"}.items():
        command = command.replace(name, path)
    words = shlex.split(command)
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(program, copy, dirs_exist_ok=True)
        binds = {"/app/program": Path(copy), "/app/output": output, **seen}
        python = str(environment.python) if words[0] in ("python", "python3") else words[0]
        arguments = [word for target, source in binds.items() for word in ("--bind", str(source.resolve()), target)]
        base = Path(sys.base_prefix)
        system = ["--ro-bind", "/usr", "/usr", "--ro-bind-try", "/etc", "/etc", "--proc", "/proc", "--dev", "/dev"]
        system += [word for name in ("bin", "lib", "lib64") for word in ("--symlink", f"usr/{name}", f"/{name}")]
        for folder in {base, environment.prefix}:
            system += ["--ro-bind", str(folder), str(folder)]
        subprocess.run(
            ["bwrap", *system, "--tmpfs", "/tmp", *arguments, "--chdir", "/app/program", python, *words[1:]],
            check=check,
            capture_output=True,
            timeout=240,
        )
