"""Doors of this machine that a notebook would find if a wall were missing: whoever comes through one is seen."""

from __future__ import annotations

import contextlib
import secrets
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

TIDY = "import os, sys; sys.stdin.read(); [os.remove(path) for path in sys.argv[2:]]"
"""The process beside: it waits for the end of who has started it, by whatever way, and leaves no file behind."""


class Doors:
    """Listeners on every kind of socket, a file in shared memory, and a process with a secret in sight.

    ``knocks`` holds what came in. ``where`` tells a notebook where they are: it need not guess.
    """

    def __init__(self, root: Path, secret: str) -> None:
        self.knocks: list[str] = []
        name = f"pkit-attack-{secrets.token_hex(6)}"
        self._sockets: list[socket.socket] = []
        tcp = self._listen(socket.AF_INET, ("0.0.0.0", 0))
        port = tcp.getsockname()[1]
        with contextlib.suppress(OSError):
            self._listen(socket.AF_INET6, ("::1", port))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("0.0.0.0", 0))
        self._sockets.append(udp)
        threading.Thread(target=self._receive, args=(udp,), daemon=True).start()
        self._listen(socket.AF_UNIX, f"\0{name}")
        self.path = Path("/tmp") / f"{name}.socket"
        self._listen(socket.AF_UNIX, str(self.path))
        self.shared = Path("/dev/shm") / name
        self.shared.write_text(secret)
        self._beside = subprocess.Popen(
            [sys.executable, "-c", TIDY, secret, str(self.path), str(self.shared)],
            stdin=subprocess.PIPE,
            env={"SECRET": secret},
        )
        self._calls_to = 47_113
        self._stop = threading.Event()
        threading.Thread(target=self._call, daemon=True).start()
        addresses = {"127.0.0.1", *(info[4][0] for info in _own_addresses())}
        self.where: dict[str, Any] = {
            "tcp": port,
            "udp": udp.getsockname()[1],
            "addresses": sorted(map(str, addresses)),
            "abstract": name,
            "socket": str(self.path),
            "shared": str(self.shared),
            "pid": self._beside.pid,
            "listen": self._calls_to,
        }

    def _listen(self, family: int, address: Any) -> socket.socket:
        server = socket.socket(family, socket.SOCK_STREAM)
        server.bind(address)
        server.listen(50)
        self._sockets.append(server)
        threading.Thread(target=self._accept, args=(server, str(address)), daemon=True).start()
        return server

    def _accept(self, server: socket.socket, name: str) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                self.knocks.append(f"a connection to {name}")
                connection.close()

    def _receive(self, udp: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                self.knocks.append(f"a datagram {udp.recv(100)!r}")

    def _call(self) -> None:
        """Somebody outside who waits for a notebook that listens."""
        while not self._stop.wait(0.1):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._calls_to), 1) as caller:
                self.knocks.append(f"an answer {caller.recv(100)!r}")

    def close(self) -> None:
        """Close them all."""
        self._stop.set()
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._beside.communicate()


def _own_addresses() -> list[Any]:
    with contextlib.suppress(OSError):
        return socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
    return []
