"""An S3 server as a process of its own, whose buckets are folders."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self

from databases import MEMORY

BUCKET = "notebooks"
SECRET = "a-secret-that-is-nowhere-else"


class Store:
    """A server on a port of its own; it can be stopped, and started again with what it had.

    ``signed``: it takes only what is signed with the key that it was told to accept.
    """

    def __init__(self, *, signed: bool = False) -> None:
        self._signed = signed
        self._folder = tempfile.TemporaryDirectory(dir=MEMORY)
        self.root = Path(self._folder.name)
        (self.root / BUCKET).mkdir()
        self.accept(SECRET)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self.url = f"s3://{BUCKET}/gateways/first"
        self.blobs = self.root / BUCKET / "gateways" / "first"
        self.environment = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._port}",
            "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "gateway",
            "AWS_SECRET_ACCESS_KEY": SECRET,
        }

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
        self._folder.cleanup()

    def start(self) -> None:
        command = [str(Path(sys.executable).with_name("localbucket")), str(self.root), "--port", str(self._port)]
        if self._signed:
            program = str(Path(__file__).with_name("signed_bucket.py"))
            command = [sys.executable, program, str(self.root), str(self._port), str(self._key)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while not self._answers():
            assert self._process.poll() is None and time.monotonic() < deadline, "the S3 server does not start"
            time.sleep(0.02)

    @property
    def _key(self) -> Path:
        return self.root / "key"

    def accept(self, secret: str) -> None:
        """Let in who signs with ``secret``, and nobody else from now on."""
        self._key.write_text(secret)

    def _answers(self) -> bool:
        with socket.socket() as connection:
            return connection.connect_ex(("127.0.0.1", self._port)) == 0

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def names(self, kind: str) -> list[str]:
        """What is stored of a kind."""
        return sorted(path.name for path in (self.blobs / kind).glob("*"))

    def age(self, kind: str, name: str, seconds: float) -> None:
        """Make it look older."""
        moment = time.time() - seconds
        os.utime(self.blobs / kind / name, (moment, moment))
