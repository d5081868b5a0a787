"""``%blind`` in a challenge's own kernel, which has that challenge's packages and not participant-kit."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel
from small_gateway import CELLS, SLUG, TOKEN, SmallGateway, write_notebook

from participant_kit.execution.environment import Environment
from participant_kit.participant import Client
from participant_kit.participant.credentials import save_token
from participant_kit.protocol.states import State

LOAD = "%load_ext participant_kit"


class Kernel:
    """A real kernel, and what a page shows of it: bundles by MIME type, each in its place."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.places: dict[str, dict[str, Any]] = {}
        self.printed = ""

    def run(self, source: str) -> str:
        """Run a cell; what it shows in the end, or the message of its error."""
        asked = self.client.execute(source)
        while self.listen() != ("idle", asked):
            pass
        reply = self.client.get_shell_msg(timeout=30)["content"]
        return reply["evalue"] if reply["status"] == "error" else self.last

    @property
    def last(self) -> str:
        return next(reversed(self.places.values()), {}).get("text/html", "")

    def listen(self) -> tuple[str | None, str]:
        """Take the next message from the kernel: its state, if it tells one, and the request that it belongs to."""
        message = self.client.get_iopub_msg(timeout=60)
        content = message["content"]
        match message["msg_type"]:
            case "display_data" | "update_display_data":
                self.places[content["transient"]["display_id"]] = content["data"]
            case "stream":
                self.printed += content["text"]
        return content.get("execution_state"), message["parent_header"].get("msg_id", "")

    def see(self, text: str) -> None:
        """Listen until ``text`` is shown."""
        while text not in self.last:
            self.listen()


@pytest.fixture
def here(gateway: SmallGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: Environment) -> Path:
    """The starter notebook of a challenge that was joined, with its kernel; its participant is logged in."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    kit = Client(gateway.address).join(SLUG, tmp_path / "kit")
    save_token(gateway.address, TOKEN)
    return kit.notebooks_dir / "start.ipynb"


@pytest.fixture
def kernel(here: Path) -> Iterator[Kernel]:
    environment = {**os.environ, "JPY_SESSION_NAME": str(here)}
    manager, client = start_new_kernel(kernel_name=f"pkit-{SLUG}", env=environment, cwd=str(here.parent))
    try:
        yield Kernel(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def only(gateway: SmallGateway) -> str:
    (identifier,) = gateway.statuses
    return identifier


def test_the_kernel_knows_the_python_that_made_it_and_hands_nothing_on(here: Path, tmp_path: Path) -> None:
    spec = json.loads((tmp_path / "jupyter" / "kernels" / f"pkit-{SLUG}" / "kernel.json").read_text())
    assert spec["env"] == {"PKIT_PYTHON": sys.executable}
    assert TOKEN not in json.dumps(spec)


def test_a_notebook_is_submitted_from_the_challenges_kernel_and_followed(kernel: Kernel, gateway: SmallGateway) -> None:
    kernel.run(LOAD)
    assert "No submissions yet" in kernel.run("%blind status")
    assert "Sent start.ipynb" in kernel.run('%blind submit --note "it\'s new"')
    assert "queued" in kernel.last
    identifier = only(gateway)
    gateway.change(identifier, state=State.RUNNING)
    kernel.see("running")
    kernel.run("print('the kernel is free')")
    assert "free" in kernel.printed
    gateway.score(identifier, 0.75)
    kernel.see("0.75")
    assert "0.75" in kernel.run(f"%blind status {identifier} --wait")
    assert "ada (you)" in kernel.run("%blind leaderboard")


def test_what_is_wrong_is_an_error_of_the_cell(kernel: Kernel, gateway: SmallGateway, here: Path) -> None:
    kernel.run(LOAD)
    assert "%blind help" in kernel.run("%blind sumbit")
    kernel.run("threshold = 0.7")
    assert "Save the notebook first" in kernel.run("%blind submit")
    write_notebook(here, *CELLS, ("", "x ="))
    assert "Nothing was sent" in kernel.run("%blind submit")
    assert '<th scope="row">error</th>' in kernel.last
    assert not gateway.statuses
    kernel.run("import os; os.environ['PKIT_PYTHON'] = '/absent/python'")
    assert "pkit join" in kernel.run("%blind status")


def test_the_stand_in_is_only_there_where_the_package_is_not(kernel: Kernel) -> None:
    kernel.run("import os, subprocess, sys")
    kernel.run("print(subprocess.call([sys.executable, '-c', 'import participant_kit'], stderr=subprocess.DEVNULL))")
    kernel.run("print('PYTHONPATH' in os.environ, sys.path[-1].endswith('kernel_shim'))")
    assert kernel.printed.split() == ["1", "False", "True"]


def test_nothing_goes_on_once_the_kernel_is_gone(kernel: Kernel, gateway: SmallGateway) -> None:
    kernel.run(LOAD)
    kernel.run("%blind submit")
    kernel.client.shutdown()
    time.sleep(2)
    asked = len(gateway.requests)
    gateway.change(only(gateway), state=State.RUNNING)
    time.sleep(2)
    assert len(gateway.requests) == asked, "a watcher would have asked again at once"
