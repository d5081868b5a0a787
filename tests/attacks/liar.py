"""What a gateway says that is not true."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

from house import wait_until
from wire import Exchange
from world import World

from participant_kit.protocol.kit import open_kit


@contextmanager
def offering(world: World, kit: bytes | dict[str, bytes]) -> Iterator[None]:
    """The gateway offers another kit: these bytes, or the real one with these files (whose manifest is right)."""
    data = kit if isinstance(kit, bytes) else _changed(world, kit)

    def lie(exchange: Exchange) -> None:
        if exchange.status and exchange.path.startswith("/api/v1/challenges/small/kit"):
            exchange.status, exchange.answer = 200, data
        elif exchange.status and exchange.path == "/api/v1/challenges/small":
            info = json.loads(exchange.answer)
            info |= {"kit_sha256": hashlib.sha256(data).hexdigest(), "kit_bytes": len(data)}
            exchange.answer = json.dumps(info).encode()
            exchange.headers.pop("etag", None)

    with world.wire.lying(lie):
        yield


def swapped_claim_is_refused(world: World, key: str, value: str) -> None:
    """Give the runner a claim whose ``key`` says ``value``: it must refuse, which costs nobody bits."""
    released = len(world.egress())

    def lie(exchange: Exchange) -> None:
        if exchange.status == 200 and exchange.path.endswith("/claims") and exchange.answer not in (b"", b"null"):
            exchange.answer = json.dumps({**json.loads(exchange.answer), key: value}).encode()

    with world.wire.lying(lie):
        submission = world.submit("1 / 0")
        wait_until(lambda: len(world.egress()) > released, 30, "the runner has answered")
    (line,) = world.egress()[released:]
    assert {field.name: field.value for field in line.fields}["state"] == "refused"
    assert line.bits == 0
    submission.wait(30)


def _changed(world: World, files: dict[str, bytes]) -> bytes:
    """The real kit with ``files``, also under names that no file can have."""
    real = open_kit((world.challenge.root / "starter_kit.zip").read_bytes())
    contents = {**real, **files}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    manifest = {"schema_version": 1, "challenge": "small", "files": digests}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in {"manifest.json": json.dumps(manifest).encode(), **contents}.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()
