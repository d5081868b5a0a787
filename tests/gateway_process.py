"""A gateway as a process of its own, and what is sent to it over real connections."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import requests
from gateway_world import API

from participant_kit.gateway.accounts import create_token
from participant_kit.protocol.identifiers import new_identifier
from participant_kit.protocol.messages import AccountRole, Claim


def wait_for(true: Callable[[], Any], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class GatewayProcess:
    """``pkit gateway start`` in ``root``, with more words; its log is in ``root/log``."""

    def __init__(self, root: Path, *words: str, environment: dict[str, str] | None = None) -> None:
        self.root, self.data, self._words = root, root / "gateway", words
        self._environment = environment or {}
        self.tokens: dict[str, str] = {}

    def __enter__(self) -> Self:
        file = self.root / "address"
        file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "participant_kit.cli.main", "gateway", "start", "--data", str(self.data)]
        with (self.root / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--port", "0", "--address-file", str(file), *self._words],
                stdout=log,
                stderr=log,
                env=os.environ | {"COLUMNS": "200"} | self._environment,
            )
        wait_for(lambda: file.exists() or self.process.poll() is not None, 60)  # it imports, which others may slow down
        assert file.exists(), self.log()
        self.address = file.read_text()
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait()

    def log(self) -> str:
        return (self.root / "log").read_text()

    def token(self, name: str, role: AccountRole = "participant") -> str:
        if name not in self.tokens:
            self.tokens[name] = create_token(self.data, name, role)
        return self.tokens[name]

    def auth(self, name: str, role: AccountRole = "participant") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(name, role)}"}

    def publish(self, kit: bytes) -> None:
        address = f"{self.address}{API}/challenges/small"
        requests.put(address, data=kit, headers=self.auth("org", "organizer")).raise_for_status()

    def submit(self, who: str = "ada", identifier: str | None = None, sealed: bytes = b"sealed") -> requests.Response:
        path = f"{API}/challenges/small/submissions/{identifier or new_identifier()}"
        return requests.put(f"{self.address}{path}", data=sealed, headers=self.auth(who))

    def try_to_submit(self) -> None:
        with contextlib.suppress(requests.RequestException):
            self.submit()

    def ask_for_work(self, wait: float = 0) -> requests.Response:
        body = {"role": "blind", "runner": "r-1", "challenges": ["small"], "wait": wait}
        return requests.post(f"{self.address}{API}/claims", json=body, headers=self.auth("runner", "runner"))

    def claim(self) -> Claim | None:
        answer = self.ask_for_work()
        return Claim.model_validate_json(answer.content) if answer.status_code == 200 else None

    def finish(self, claim: Claim, envelope: dict[str, Any]) -> requests.Response:
        body = {"token": claim.lease.token, "envelope": envelope}
        address = f"{self.address}{API}/leases/{claim.submission}/result"
        return requests.post(address, json=body, headers=self.auth("runner", "runner"))

    def status(self, identifier: str, who: str = "ada") -> dict[str, Any]:
        answer = requests.get(f"{self.address}{API}/submissions/{identifier}", headers=self.auth(who))
        return dict(answer.json())

    @property
    def metrics_address(self) -> str:
        found = re.search(r"Metrics at (http://[\w.:/]+)", self.log())
        assert found
        return found[1]

    def metrics(self) -> str:
        return requests.get(self.metrics_address).text

    @contextlib.contextmanager
    def half_an_upload(self) -> Iterator[Upload]:
        upload = Upload(self)
        try:
            yield upload
        finally:
            upload.connection.close()


class Upload:
    """A submission of ten bytes, of which five are sent."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(gateway.address).netloc, timeout=10)
        self.connection.putrequest("PUT", f"{API}/challenges/small/submissions/{new_identifier()}")
        for name, value in (gateway.auth("ada") | {"Content-Length": "10"}).items():
            self.connection.putheader(name, value)
        self.connection.endheaders(b"01234")

    def finish(self) -> int:
        self.connection.send(b"56789")
        return self.connection.getresponse().status
