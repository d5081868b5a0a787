"""What goes over the wire between a gateway and everybody else: written down, and changed by who owns the gateway."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Exchange:
    """One request and its answer. ``arrived`` and ``answered`` are on the monotonic clock, in s."""

    arrived: float
    method: str
    path: str
    asked: bytes
    request_headers: dict[str, str]
    answered: float = 0.0
    status: int = 0
    answer: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """All of it that can be read on the way."""
        heads = "\n".join(f"{key}: {value}" for key, value in [*self.request_headers.items(), *self.headers.items()])
        return b"\n".join((self.path.encode(), heads.encode(), self.asked, self.answer))


class Wire:
    """Stands before the gateway at ``port`` and passes everything on.

    ``lie`` may change an answer before it goes out (or, called first with ``status`` 0, the request).
    """

    def __init__(self, port: int) -> None:
        self.exchanges: list[Exchange] = []
        self.lie: Callable[[Exchange], None] | None = None
        wire = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                exchange = Exchange(time.monotonic(), self.command, self.path, body, dict(self.headers))
                wire.exchanges.append(exchange)
                if wire.lie:
                    wire.lie(exchange)
                if not exchange.status:
                    try:
                        wire._pass_on(exchange, port)
                    except (OSError, http.client.HTTPException):
                        exchange.status, exchange.answer = 503, b""
                    if wire.lie:
                        wire.lie(exchange)
                head = f"HTTP/1.1 {exchange.status} {http.client.responses.get(exchange.status, '')}\r\n"
                lines = [f"{key}: {value}\r\n" for key, value in exchange.headers.items()]
                length = "" if exchange.status in (204, 304) else f"Content-Length: {len(exchange.answer)}\r\n"
                self.wfile.write((head + "".join(lines) + length + "\r\n").encode() + exchange.answer)
                exchange.answered = time.monotonic()

            do_PUT = do_POST = do_GET

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 100

            def handle_error(self, *_: Any) -> None:
                """Clients go away."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @staticmethod
    def _pass_on(exchange: Exchange, port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=90)
        try:
            headers = {key: value for key, value in exchange.request_headers.items() if key.lower() != "host"}
            headers["Content-Length"] = str(len(exchange.asked))
            connection.request(exchange.method, exchange.path, exchange.asked, headers)
            answer = connection.getresponse()
            exchange.answer, exchange.status = answer.read(), answer.status
            kept = ("content-type", "etag", "retry-after", "location")
            exchange.headers = {key: value for key, value in answer.getheaders() if key.lower() in kept}
        finally:
            connection.close()

    @contextmanager
    def lying(self, lie: Callable[[Exchange], None]) -> Iterator[None]:
        """Answers are changed by ``lie`` meanwhile."""
        self.lie = lie
        try:
            yield
        finally:
            self.lie = None

    def close(self) -> None:
        """Hang up."""
        self._server.shutdown()
        self._server.server_close()
