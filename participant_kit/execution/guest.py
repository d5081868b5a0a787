"""The program inside a sandbox: runs one notebook with papermill, or one program that scores, and replies.

It is mounted as a single file and started by the interpreter of the challenge's environment, so it imports the
standard library and, for a notebook, papermill alone. The notebook's kernel is a child of it with the same
rights: from the moment that runs, nothing this program says can be believed, and the other side does not.

The request is a JSON header, a newline, and a payload (the notebook, or what it has put out). The reply has the
same form; its payload is the one output file, or all that is in the output folder, as a zip.

Such a zip holds its files as they are, so that it is never larger inside than outside. It is unpacked in a sandbox
alone: in that of the program that reads it.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import importlib
import io
import itertools
import json
import os
import re
import runpy
import select
import shutil
import signal
import stat
import struct
import subprocess
import sys
import threading
import time
import traceback
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

WORK = Path(os.environ.get("PKIT_WORK", "/work"))
DATA = os.environ.get("PKIT_DATA", "/data")
APP = WORK / "app"
"""What a task's program sees as ``/app``."""
MAX_LOG = 1 << 20
MAX_FILES = 10_000
"""Files and folders that a notebook may leave, where all of them are taken."""
RESERVE = 1 << 18
"""Bytes kept so that what a cell did can be written down when it has filled the disk."""
_METADATA = ("metadata.yaml", "metadata")
_SET_DUMPABLE, _SET_NAME = 4, 15
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class Failed(Exception):
    """The run has no output; ``details`` says where it ended."""

    def __init__(self, **details: Any) -> None:
        self.details = details
        super().__init__(str(details))


def main() -> None:
    """Read the request, do it, reply, and end every process of the sandbox by ending this one."""
    for folder in ("home", "tmp", "output"):
        (WORK / folder).mkdir(parents=True, exist_ok=True)
    reply = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    kernel = _preload(*os.environ.pop("GUEST_PRELOAD", "").split())
    header, payload = _read_request()
    ingests = header.get("stage") == "output"
    _name("pkit-notebook" if header["kind"] == "notebook" else "pkit-ingestion" if ingests else "pkit-scorer")
    threading.Thread(target=_die_with_runner, daemon=True).start()
    output, answer = b"", dict[str, Any]()
    try:
        try:
            if header["kind"] == "notebook":
                answer = _run_notebook(header, payload, kernel)
            elif header["kind"] == "task":
                answer = _run_task(header, payload)
            else:
                answer = _run_program(header, payload)
        finally:
            _end_others()
        output = _read_result(header)
    except Failed as error:
        answer |= error.details  # a log stays, also when the output is what was wrong
    if not header.get("keep_log"):
        answer = {key: value for key, value in answer.items() if key not in ("message", "log")}
    reply.write(json.dumps(answer).encode() + b"\n" + output)
    reply.close()
    os._exit(0)


def _name(name: str) -> None:
    """What an operator sees in a list of processes; at most 15 characters."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_NAME, name.encode(), 0, 0, 0)


def _end_others() -> None:
    """End what the run has left behind, so that nobody changes the output while it is read.

    In a sandbox this is the first process of a namespace, or the first of a run: its parent is out of sight, a signal
    to "all" reaches all others of the run, and those whose parents are gone are its children.
    """
    if sys.platform == "win32" or os.getppid() != 0:
        return
    with contextlib.suppress(ProcessLookupError, ChildProcessError):  # there is nobody, nobody is left
        os.kill(-1, signal.SIGKILL)
        while True:
            os.waitpid(-1, 0)


def _read_request() -> tuple[dict[str, Any], bytes]:
    (length,) = struct.unpack(">Q", sys.stdin.buffer.read(8))
    header, _, payload = sys.stdin.buffer.read(length).partition(b"\n")
    return json.loads(header), payload


def _die_with_runner() -> None:
    os.read(0, 1)
    os._exit(3)


def _preload(kind: str = "", *modules: str) -> Any:
    """What can be done before there is a request: for a notebook a kernel is started, and returned.

    While the request is still to come, which may take long, ``modules`` are imported, by the kernel or for a program;
    one that is a path is where those after it are.
    """
    if sys.platform == "win32":  # where a pipe cannot be looked at
        return None
    if select.select([0], [], [], 0)[0]:
        modules = ()
    if kind == "program":
        for module in modules:
            with contextlib.suppress(Exception):  # the program says it better
                sys.path.insert(0, module) if module.startswith("/") else importlib.import_module(module)
    if kind != "notebook":
        return None
    try:
        return _start_kernel(modules)
    except Exception:  # then papermill starts one, and says what is wrong
        return None


class _ForkedKernel:
    """A kernel that is a fork of this process, before it has read anything; it imports ``modules`` at once.

    For jupyter_client it is what a started program is: this has the methods of ``subprocess.Popen`` that it uses.
    """

    stdin = stdout = stderr = None

    def __init__(self, modules: Sequence[str]) -> None:
        self.returncode: int | None = None
        listen, self._tell = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            self._be(listen, modules)
        with contextlib.suppress(OSError):  # it has done so itself
            os.setpgid(self.pid, self.pid)
        os.close(listen)

    def _be(self, listen: int, modules: Sequence[str]) -> NoReturn:
        try:
            os.setpgid(0, 0)
            os.dup2(listen, 0)  # the request is not the notebook's, nor is the reply
            os.closerange(3, 1 << 20)
            ctypes.CDLL(None).prctl(_SET_DUMPABLE, 1, 0, 0, 0)  # as a started program is: it may look at itself
            _name("pkit-kernel")
            sys.dont_write_bytecode = True
            for module in ("ipykernel.kernelapp", *modules):
                with contextlib.suppress(Exception):  # a cell that imports it says it better
                    importlib.import_module(module)
            if "numpy.random" in sys.modules:  # the rest draws a new seed after a fork by itself
                sys.modules["numpy.random"].seed()
            with os.fdopen(os.dup(0), "rb") as file:
                words = json.load(file)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            from ipykernel.kernelapp import IPKernelApp

            words.append(f"--IPKernelApp.parent_handle={os.getppid()}")
            sys.argv[:] = ["ipykernel_launcher", *words]
            IPKernelApp.launch_instance(words)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)

    def start(self, command: list[str], **options: Any) -> _ForkedKernel:
        """Let it serve with the words behind ``python -m ipykernel_launcher``."""
        with os.fdopen(self._tell, "w") as file:
            json.dump(command[command.index("ipykernel_launcher") + 1 :], file)
        return self

    def poll(self) -> int | None:
        """How it ended, or None."""
        if self.returncode is None:
            with contextlib.suppress(ChildProcessError):
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self) -> int:
        """Wait for its end."""
        while (code := self.poll()) is None:
            time.sleep(0.01)
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


def _start_kernel(modules: Sequence[str]) -> Any:
    forked = _ForkedKernel(modules) if sys.platform == "linux" else None
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_core.utils import run_sync

    if forked:
        provisioner: Any = importlib.import_module("jupyter_client.provisioning.local_provisioner")
        provisioner.launch_kernel = forked.start
    _give_shell_commands_pipes()
    manager = AsyncKernelManager(kernel_name="python3", config=_kernel_config(), client_factory=_make_client())
    run_sync(manager.start_kernel)(extra_arguments=["--HistoryManager.hist_file=:memory:"], cwd=str(WORK))
    _import_papermill()
    _prepare_validation()
    return manager


def _make_client() -> Any:
    """A class of clients that are ready once the kernel has answered.

    jupyter_client's own then listens until nothing has come for 0.2 s; papermill passes over what is of no cell anyway.
    """
    from queue import Empty

    from jupyter_client.asynchronous.client import AsyncKernelClient

    class Client(AsyncKernelClient):
        async def wait_for_ready(self, timeout: float | None = None) -> None:
            """Ask until there is an answer, and a sign that what cells print is heard."""
            end = time.monotonic() + (timeout or float("inf"))
            while time.monotonic() < end and await self.is_alive():
                self.kernel_info()
                with contextlib.suppress(Empty):
                    self._handle_kernel_info_reply(await self.get_shell_msg(timeout=1))
                    await self.get_iopub_msg(timeout=0.2)
                    return
            raise RuntimeError("The kernel has not answered.")

    return Client


def _kernel_config() -> Any:
    """Unix sockets in the private work folder: there is no network interface to listen on."""
    from traitlets.config import Config

    return Config({"KernelManager": {"transport": "ipc"}}) if sys.platform != "win32" else Config()


def _import_papermill() -> None:
    warnings.simplefilter("ignore")  # of this program, not of the notebook: there is no network to look at
    # papermill would load it, and numpy with it, to read notebooks from a Hadoop file system: a third of its start
    sys.modules["pyarrow.fs"] = None  # type: ignore[assignment]
    import papermill  # noqa: F401


def _prepare_validation() -> None:
    """Let nbformat read its schema, which takes longer than to validate a notebook."""
    import nbformat

    nbformat.validate(nbformat.v4.new_notebook())


def _run_notebook(header: dict[str, Any], payload: bytes, kernel: Any) -> dict[str, Any]:
    _import_papermill()
    import nbformat
    from nbclient.exceptions import DeadKernelError
    from papermill import PapermillExecutionError, execute_notebook

    try:
        notebook = nbformat.reads(payload.decode("utf-8"), as_version=4)
        nbformat.validate(notebook)
    except Exception as error:
        raise Failed(stage="notebook", reason="unreadable_notebook", message=str(error)[:1000]) from None
    parameters = [i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", [])]
    if not parameters:
        raise Failed(stage="notebook", reason="no_parameters_cell", message="No cell is tagged 'parameters'.")
    metadata = notebook.metadata
    language = metadata.get("kernelspec", {}).get("language") or metadata.get("language_info", {}).get("name")
    if (language or "python") != "python":
        raise Failed(stage="notebook", reason="other_kernel", message=f"The notebook's language is {language}.")
    _give_shell_commands_pipes()
    if kernel and not kernel.has_kernel:
        kernel = None
    data = Path(DATA)
    if not data.exists():  # a task without any input
        data = WORK / "data"
        data.mkdir()
    source, executed = WORK / "tmp" / "notebook.ipynb", WORK / "tmp" / "executed.ipynb"
    source.write_bytes(payload)
    reserve = WORK / "tmp" / "reserve"
    reserve.write_bytes(bytes(RESERVE))
    try:
        execute_notebook(
            source,
            executed,
            parameters={"data_dir": str(data), "output_dir": str(WORK / "output")},
            kernel_name="python3",
            language="python",
            cwd=WORK,
            progress_bar=False,
            log_output=False,
            config=_kernel_config(),
            km=kernel,
            on_cell_error=lambda **_: reserve.unlink(missing_ok=True),
        )
    except PapermillExecutionError as error:
        # papermill put a cell with the injected parameters behind the tagged one
        index = error.cell_index - (error.cell_index > parameters[0])
        raise Failed(
            stage="notebook",
            cell=index + 1,
            reason=error.ename,
            message=f"{error.ename}: {error.evalue}"[:2000],
            log=_log(executed, "\n".join(error.traceback)),
        ) from None
    except DeadKernelError as error:
        raise Failed(stage="kernel", reason="other", message=str(error), log=_log(executed, "")) from None
    except OSError as error:
        stage = "disk" if error.errno == 28 else "kernel"
        raise Failed(stage=stage, reason="OSError", message=str(error)) from None
    except Exception as error:
        raise Failed(stage="kernel", reason=type(error).__name__, message=str(error)[:2000]) from None
    return {"log": _log(executed, "")}


def _give_shell_commands_pipes() -> None:
    """Make ``!command`` in a cell work where there is no pseudo-terminal, which IPython wants to run it in."""
    if not Path("/dev").exists() or Path("/dev/ptmx").exists():
        return
    profile = WORK / "home" / ".ipython" / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    line = "get_ipython().system = get_ipython().system_raw"
    (profile / "ipython_kernel_config.py").write_text(f"c.IPKernelApp.exec_lines = [{line!r}]\n")


def _log(executed: Path, traceback: str) -> str:
    """What the cells printed, in order, and the traceback."""
    lines = []
    try:
        cells = json.loads(executed.read_text("utf-8"))["cells"]
    except (OSError, ValueError, KeyError):
        cells = []
    for cell in cells:
        for output in cell.get("outputs", []):
            text = output.get("text") or output.get("data", {}).get("text/plain") or []
            lines.append(text if isinstance(text, str) else "".join(text))
    log = "\n".join(filter(None, lines))[: MAX_LOG // 2] + "\n" + traceback[-MAX_LOG // 2 :]
    return _COLOUR.sub("", log).strip()


def _run_program(header: dict[str, Any], payload: bytes) -> dict[str, Any]:
    """A scoring program by Codabench's convention: predictions in ``res``, scores in ``output``."""
    (WORK / "res").mkdir()
    (WORK / "res" / header["predictions"]).write_bytes(payload)
    if "script" in header:
        return _fork_program(header)
    return _run_command(header["command"], header["cwd"], "scoring")


def _run_command(command: list[str], folder: str | Path, stage: str) -> dict[str, Any]:
    """An organizer's program; what it prints goes to the log."""
    program = shutil.which(command[0]) or command[0]
    try:
        done = subprocess.run([program, *command[1:]], cwd=folder, check=False, stdin=subprocess.DEVNULL)
    except OSError as error:
        raise Failed(stage=stage, reason="other", message=str(error)) from None
    if done.returncode:
        raise Failed(stage=stage, reason="other", message=f"exit code {done.returncode}")
    return {}


def _run_task(header: dict[str, Any], payload: bytes) -> dict[str, Any]:
    """An ingestion or scoring program of a task, in the folders that Codabench's worker gives it.

    They are its own to write to, but the input and the reference data, which are mounts.
    """
    try:
        _lay_out(header, payload)
    except OSError as error:
        raise Failed(stage="disk", reason="OSError", message=str(error)) from None
    try:
        return _run_command(header["command"], APP / "program", header["stage"])
    except Failed:
        if header["stage"] == "output" and _is_results(APP / "ingested_program"):
            return {}  # as there: results are scored, whatever the ingestion program wanted
        raise


def _is_results(submitted: Path) -> bool:
    """Whether what was submitted holds no code to run."""
    return not any(path.suffix == ".py" or path.name in _METADATA for path in submitted.rglob("*"))


def _lay_out(header: dict[str, Any], payload: bytes) -> None:
    shutil.copytree("/program", APP / "program", symlinks=True)
    for folder in ("input", "output"):
        (APP / folder).mkdir()
    for mount, name in (("/data", "input_data"), ("/reference", "input/ref"), ("/shared", "shared")):
        if Path(mount).exists():
            (APP / name).symlink_to(mount)
    if not (APP / "shared").exists():
        (APP / "shared").mkdir()
    results = APP / "input" / "res"
    if header["stage"] == "scoring":
        _unpack(payload, results)
        if not (results / "metadata").exists():  # which the worker writes, and some programs read
            seconds = header["seconds"]
            (results / "metadata").write_text(
                f"elapsedTime: {seconds}\nexitCode: 0\ningestionElapsedTime: {seconds}\ningestionExitCode: 0\n"
            )
    else:
        submitted = APP / "ingested_program"
        _unpack(payload, submitted)
        results.symlink_to(submitted)
        if not any((submitted / name).exists() for name in _METADATA):
            shutil.copytree(submitted, APP / "output", dirs_exist_ok=True)


def _unpack(content: bytes, folder: Path) -> None:
    """The files of the zip ``content`` into ``folder``, which is new; it is hostile, and refused if it is not plain."""
    folder.mkdir()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            if len(entries) > MAX_FILES or sum(entry.file_size for entry in entries) > len(content):
                raise Failed(stage="output", reason="too_large", message="It holds more than it is large.")
            for entry in entries:
                mode = entry.external_attr >> 16
                parts = entry.filename.split("/")
                if {"", ".", ".."} & set(parts) or (stat.S_IFMT(mode) and not stat.S_ISREG(mode)):
                    raise Failed(stage="output", reason="not_a_file", message="It holds what is no plain file.")
                if entry.compress_type != zipfile.ZIP_STORED:
                    raise Failed(stage="output", reason="unreadable", message="It holds what is compressed.")
                target = folder.joinpath(*parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as file, target.open("xb") as new:
                    new.write(file.read(entry.file_size))
    except Failed:
        raise
    except OSError as error:
        reason = "too_large" if error.errno == errno.ENOSPC else "unreadable"
        raise Failed(stage="output", reason=reason, message="It cannot be unpacked.") from None
    except Exception:  # zipfile raises what its parsers raise
        raise Failed(stage="output", reason="unreadable", message="It is no zip of plain files.") from None


def _fork_program(header: dict[str, Any]) -> dict[str, Any]:
    """Our own scoring program, as a child of this interpreter, which has imported what it needs."""
    child = os.fork()
    if child == 0:
        try:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.chdir(header["cwd"])
            sys.path[:0] = header["path"]
            runpy.run_path(header["script"], run_name="__main__")
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        code = os.waitstatus_to_exitcode(status)
        raise Failed(stage="scoring", reason="other", message=f"exit code {code}")
    return {}


def _read_result(header: dict[str, Any]) -> bytes:
    """The output that ``header`` asks for: all files, or the first that is there of those it names."""
    folder = APP / "output" if header["kind"] == "task" else WORK / "output"
    try:
        if header.get("pack"):
            return _pack(folder, header["max_output"], header.get("may_be_empty", False))
        first, *others = header["output"].split()
        for name in others:
            first = first if os.path.lexists(folder / first) else name
        return _read_output(folder / first, header["max_output"])
    except Failed as error:
        raise Failed(**{**error.details, "stage": header.get("stage", "output")}) from None


def _pack(folder: Path, limit: int, may_be_empty: bool) -> bytes:
    """All files in ``folder`` as a zip, of no more than ``limit`` bytes; what is no plain file is refused."""
    content, left = io.BytesIO(), limit
    with zipfile.ZipFile(content, "w") as archive:
        for path in sorted(_files_in(folder)):
            data = _read_output(path, left)
            left -= len(data)
            try:
                archive.writestr(zipfile.ZipInfo(path.relative_to(folder).as_posix()), data)
            except UnicodeEncodeError:
                raise Failed(stage="output", reason="not_a_file", message="A name is no valid Unicode.") from None
        if not archive.namelist() and not may_be_empty:
            raise Failed(stage="output", reason="missing_output", message="No file in output_dir.")
    if content.tell() > limit:
        raise Failed(stage="output", reason="too_large", message=f"More than {limit} bytes are in output_dir.")
    return content.getvalue()


def _files_in(folder: Path) -> Iterator[Path]:
    pending, count = [folder], 0
    while pending:
        try:
            entries = list(itertools.islice(os.scandir(pending.pop()), MAX_FILES + 1))
        except OSError:
            raise Failed(stage="output", reason="not_a_file", message="A folder cannot be read.") from None
        count += len(entries)
        if count > MAX_FILES:
            raise Failed(stage="output", reason="too_large", message=f"More than {MAX_FILES} files are in output_dir.")
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                pending.append(Path(entry.path))
            else:
                yield Path(entry.path)


def _read_output(path: Path, limit: int) -> bytes:
    """The bytes of ``path``, opened once, if it is a regular file, no link to one, and in a folder that is no link."""
    no_follow = getattr(os, "O_NOFOLLOW", 0)
    try:
        if os.name == "nt":
            descriptor = os.open(path, os.O_RDONLY)
        else:
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | no_follow)
            descriptor = os.open(path.name, os.O_RDONLY | os.O_NONBLOCK | no_follow, dir_fd=folder)
    except FileNotFoundError:
        raise Failed(stage="output", reason="missing_output", message=f"No {path.name} in output_dir.") from None
    except OSError:
        raise Failed(stage="output", reason="not_a_file", message=f"{path.name} is no plain file.") from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        raise Failed(stage="output", reason="not_a_file", message=f"{path.name} is no plain file.")
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(limit + 1) if status.st_size <= limit else b""
        if max(status.st_size, len(content)) > limit:
            message = f"{path.name} has {status.st_size} bytes, {limit} are allowed."
            raise Failed(stage="output", reason="too_large", message=message)
        return content


if __name__ == "__main__":
    main()
