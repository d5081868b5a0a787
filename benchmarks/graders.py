"""Peers that execute a notebook which somebody else hands in: each as a function of one notebook, in an environment."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import nbformat
import requests

Grade = Callable[[], None]
"""Executes the notebook once, to its end. Raises when it did not come to one."""

TEST = """OK_FORMAT = True
test = {"name": "q1", "points": 1, "suites": [{"cases": [{"code": ">>> len(predictions) > 0\\nTrue", "hidden": False,
    "locked": False}], "scored": True, "setup": "", "teardown": "", "type": "doctest"}]}
"""


def papermill(python: Path, notebook: Path, output: Path) -> Grade:
    """Bare papermill."""
    command = [python, "-m", "papermill", notebook, output / "executed.ipynb", "--no-progress-bar", "-k", "python3"]
    return lambda: run(command)


def nbgrader(python: Path, cells: list[str], root: Path) -> Grade:
    """``nbgrader autograde`` of one student's notebook, with one test."""
    course = root / "course"
    (course / "source" / "ps1").mkdir(parents=True)
    (course / "nbgrader_config.py").write_text(
        f'c = get_config()\nc.CourseDirectory.course_id = "course"\nc.CourseDirectory.root = {str(course)!r}\n'
    )
    graded = {"grade": True, "grade_id": "q1", "locked": True, "points": 1, "schema_version": 3, "solution": False}
    test = nbformat.v4.new_code_cell("assert len(predictions)", metadata={"nbgrader": graded | {"task": False}})
    write(course / "source" / "ps1" / "notebook.ipynb", cells, test)
    program = python.parent / "nbgrader"
    run([program, "generate_assignment", "ps1"], cwd=course)
    handed_in = course / "submitted" / "ada" / "ps1" / "notebook.ipynb"
    handed_in.parent.mkdir(parents=True)
    handed_in.write_bytes((course / "release" / "ps1" / "notebook.ipynb").read_bytes())
    return lambda: run([program, "autograde", "ps1", "--student", "ada", "--force"], cwd=course)


def otter(python: Path, cells: list[str], root: Path) -> Grade:
    """``otter run`` of one notebook, with one test, without a container."""
    folder = root / "otter"
    (folder / "tests").mkdir(parents=True)
    (folder / "tests" / "q1.py").write_text(TEST)
    write(folder / "notebook.ipynb", cells)
    program = python.parent / "otter"
    words = ["--no-requirements", "--no-environment"]
    run([program, "generate", "-t", "tests", "-o", "autograder.zip", *words], cwd=folder)

    def grade() -> None:
        run([program, "run", "notebook.ipynb", "-a", "autograder.zip", "-o", "."], cwd=folder)
        tests = json.loads((folder / "results.json").read_text())["tests"]
        expect(any(test.get("score") == 1 for test in tests), tests)

    return grade


@contextmanager
def scheduler(python: Path, cells: list[str], root: Path) -> Iterator[Grade]:
    """A job of jupyter-scheduler, from the request to "completed", in a Jupyter Server that is up."""
    folder = root / "scheduler"
    folder.mkdir()
    write(folder / "notebook.ipynb", cells)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [f"--ServerApp.root_dir={folder}", f"--port={port}", "--no-browser", "--IdentityProvider.token=x"]
    environment = {**os.environ, "JUPYTER_DATA_DIR": str(folder / "data"), "JUPYTER_CONFIG_DIR": str(folder / "config")}
    with ExitStack() as stack:
        command = [python.parent / "jupyter-server", *words, "--allow-root"]
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        server = stack.enter_context(subprocess.Popen(command, cwd=folder, env=environment, **quiet))
        stack.callback(server.kill)
        session = stack.enter_context(requests.Session())
        session.headers["Authorization"] = "token x"
        jobs = f"http://127.0.0.1:{port}/scheduler/jobs"
        while not answers(session, jobs):
            expect(server.poll() is None, "the server has ended")
            time.sleep(0.2)

        def grade() -> None:
            body = {"name": "job", "input_uri": "notebook.ipynb", "output_formats": ["ipynb"]}
            body["runtime_environment_name"] = python.parents[1].name
            created = session.post(jobs, json=body)
            created.raise_for_status()
            job = f"{jobs}/{created.json()['job_id']}"
            while (told := session.get(job).json())["status"] not in (
                "COMPLETED",
                "FAILED",
            ):  # "STOPPED" until it starts
                time.sleep(0.02)
            expect(told["status"] == "COMPLETED", told)

        yield grade


def answers(session: requests.Session, url: str) -> bool:
    """Whether the server is up."""
    try:
        return session.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False


def write(path: Path, cells: list[str], *more: Any) -> None:
    """Write ``cells`` as a notebook."""
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(
        nbformat.v4.new_notebook(cells=[*map(nbformat.v4.new_code_cell, cells), *more], metadata=kernel), path
    )


def run(command: list[Any], **options: Any) -> None:
    """Run to its end, and fail with what it said."""
    path = f"{Path(command[0]).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}, **options
    )
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stderr[-2000:]}")


def expect(true: object, what: object) -> None:
    """Raise when it is not so: what did not do its work is not measured."""
    if not true:
        raise RuntimeError(str(what))
