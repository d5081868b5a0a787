"""What every test may ask for: the environment in which notebooks run, and the tables of a small challenge."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from participant_kit.cli import console
from participant_kit.execution.environment import Environment, ensure_environment

ROOT = Path(__file__).parents[1]
BROWSER = "tests/browser/"
LONGEST = (BROWSER, "tests/end_to_end/")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """What one of several workers does as a whole: a file, which shares what it has started, and all in a browser."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return BROWSER if file.startswith(BROWSER) else file

    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, or one worker would be left with it at the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


@pytest.fixture(autouse=True)
def words_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that was asked for JSON leaves later ones of the same process as they are."""
    monkeypatch.setitem(console._mode, "json", False)


@pytest.fixture(scope="session")
def environment() -> Environment:
    """The environment in which notebooks run; made once and kept between runs of the tests."""
    return ensure_environment(ROOT / "tests" / "requirements.txt")


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """A folder with the three tables of a phase, six rows to predict."""
    return write_tables(tmp_path / "tables")


@pytest.fixture(scope="session")
def same_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, always in the same place: what is forked from a template of one test serves the next."""
    return write_tables(tmp_path_factory.mktemp("same") / "tables")


def write_tables(folder: Path) -> Path:
    folder.mkdir()
    x = [0.1, 0.2, 0.3, 0.7, 0.8, 0.9]
    pd.DataFrame({"id": range(100, 106), "x": x, "ill": [0, 0, 0, 1, 1, 1]}).to_parquet(folder / "train.parquet")
    pd.DataFrame({"id": range(1, 7), "x": x}).to_parquet(folder / "test.parquet")
    pd.DataFrame({"id": range(1, 7), "ill": [0, 0, 1, 0, 1, 1]}).to_parquet(folder / "labels.parquet")
    return folder


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[BaseHTTPRequestHandler], None]], str]]:
    """Starts a web server whose every request goes to a function; returns its address."""
    servers: list[ThreadingHTTPServer] = []

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """Clients that go away are part of the tests."""

    def start(answer: Callable[[BaseHTTPRequestHandler], None]) -> str:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

            def do_GET(self) -> None:
                answer(self)

            do_PUT = do_POST = do_GET

        server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
