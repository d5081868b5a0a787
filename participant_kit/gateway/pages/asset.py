"""Style and scripts, by names that change with what is in them, so that a browser asks once.

``htmx.min.js`` is htmx as its authors publish it (0BSD), which the build of the extension puts there: a test knows its
SHA-256. Without it pages do the same, and are loaded anew each time.
"""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request, Response

from participant_kit.gateway.errors import GatewayError

FOLDER = Path(__file__).parent / "static"
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

router = APIRouter(include_in_schema=False)


class Asset:
    """A file of ``static``, plain and compressed."""

    def __init__(self, path: Path) -> None:
        self.plain = path.read_bytes()
        self.packed = gzip.compress(self.plain, mtime=0)
        self.type = TYPES[path.suffix]
        self.digest = hashlib.sha256(self.plain).hexdigest()


@cache
def assets() -> dict[str, Asset]:
    """Each by its name; nothing else is ever served."""
    return {path.name: Asset(path) for path in sorted(FOLDER.iterdir()) if path.suffix in TYPES}


def asset_path(name: str) -> str:
    """Where a page finds it; empty if there is none."""
    return f"/static/{name}?{assets()[name].digest[:12]}" if name in assets() else ""


@router.get("/static/{name}")
async def get_asset(name: str, request: Request) -> Response:
    """One file, for a year: another content has another address."""
    asset = assets().get(name)
    if asset is None:
        raise GatewayError(404, "http_404", "There is nothing at this address.")
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    if takes_gzip(request):
        return Response(asset.packed, media_type=asset.type, headers=headers | {"Content-Encoding": "gzip"})
    return Response(asset.plain, media_type=asset.type, headers=headers)


def takes_gzip(request: Request) -> bool:
    """Whether who asks unpacks."""
    return "gzip" in request.headers.get("accept-encoding", "")
