"""A page: a template filled in, and the headers that keep other people's code out of it."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from participant_kit import __version__
from participant_kit.gateway.accounts import Caller
from participant_kit.gateway.pages.address import public_address, root_path
from participant_kit.gateway.pages.asset import asset_path, assets, takes_gzip
from participant_kit.gateway.pages.markdown import render_text
from participant_kit.protocol.messages import API_PREFIX

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors {}"
)
HTML = "text/html; charset=utf-8"
VARY = "Accept-Encoding, Authorization, Cookie"
_KEPT_BYTES = 16 << 20

_templates = Environment(
    loader=PackageLoader("participant_kit.gateway.pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.globals["asset"] = asset_path


def _moment(value: datetime) -> str:
    return f"{value:%Y-%m-%d}" if (value.hour, value.minute) == (0, 0) else f"{value:%Y-%m-%d %H:%M}"


def _instant(value: float) -> str:
    return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M}"


def _plain(value: Any) -> str:
    if value is None:
        return "any number"
    return f"{_moment(value)} UTC" if isinstance(value, datetime) else str(value)


def _lasting(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} s"


_templates.filters |= {
    "moment": _moment,
    "instant": _instant,
    "plain": _plain,
    "lasting": _lasting,
    "at": lambda seconds: f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}",
    "stamp": lambda seconds: f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}",
    "mebibytes": lambda size: f"{size / 2**20:,.0f}",
    "markdown": lambda text: Markup(render_text(text)),  # noqa: S704 - it is sanitised
}


def _sha256(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


LOOKS = _sha256(
    __version__.encode(),
    *(path.read_bytes() for path in sorted((Path(__file__).parent / "templates").iterdir())),
    *(asset.plain for asset in assets().values()),
)
"""Changes with every template, style and script."""


@dataclass(frozen=True)
class Body:
    """A page that is ready to be sent."""

    plain: bytes
    packed: bytes


class Pages:
    """Pages that were made a while ago, those asked for last; one whose version is another is another page."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Body] = OrderedDict()
        self._lock, self._size = threading.Lock(), 0

    def find(self, tag: str, make: Callable[[], bytes]) -> Body:
        """The page called ``tag``, made if it has to be."""
        with self._lock:
            if found := self._kept.get(tag):
                self._kept.move_to_end(tag)
                return found
        plain = make()
        body = Body(plain, gzip.compress(plain, 6, mtime=0))
        with self._lock:
            if tag not in self._kept:
                self._kept[tag] = body
                self._size += len(plain) + len(body.packed)
            while self._size > _KEPT_BYTES and len(self._kept) > 1:
                _, old = self._kept.popitem(last=False)
                self._size -= len(old.plain) + len(old.packed)
        return body


def viewer_of(request: Request) -> Caller | None:
    """Who looks, see :func:`~participant_kit.gateway.service.get_viewer`."""
    return getattr(request.state, "viewer", None)


def fill(request: Request, name: str, **values: Any) -> str:
    """The template ``name`` with ``values``, and what every page has: ``root``, ``path`` and ``viewer``."""
    known = {"root": root_path(request), "path": request.url.path, "viewer": viewer_of(request)}
    known["form_token"] = getattr(request.state, "form", "")
    return _templates.get_template(f"{name}.html.j2").render(**known, **values)


def answer(request: Request, name: str, status: int = 200, **values: Any) -> Response:
    """The template ``name`` with ``values``, for one person and this once."""
    return Response(fill(request, name, **values), status, headers_of("no-store"), HTML)


def keep(
    request: Request,
    version: str,
    make: Callable[[], str | bytes],
    media_type: str = HTML,
    *,
    frames: str = "'none'",
    **headers: str,
) -> Response:
    """What ``make`` makes, for everybody; 304 to who has it. ``version`` names all that it is made of."""
    viewer = viewer_of(request)
    parts = (LOOKS, public_address(request), request.url.path, version, viewer.name if viewer else "")
    tag = _sha256(*(part.encode() for part in parts))[:32]
    stored = "private, no-cache" if viewer else "no-cache"
    headers = headers_of(stored, frames) | headers | {"ETag": f'W/"{tag}"', "Vary": VARY}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)

    def made() -> bytes:
        content = make()
        return content.encode() if isinstance(content, str) else content

    if viewer:
        return Response(made(), headers=headers, media_type=media_type)
    body = request.app.state.service.pages.find(tag, made)
    if takes_gzip(request):
        return Response(body.packed, headers=headers | {"Content-Encoding": "gzip"}, media_type=media_type)
    return Response(body.plain, headers=headers, media_type=media_type)


def headers_of(stored: str, frames: str = "'none'") -> dict[str, str]:
    """The headers of a page: how long it may be stored, and who may show it in a frame."""
    return {
        "Cache-Control": stored,
        "Content-Security-Policy": POLICY.format(frames),
        "Referrer-Policy": "same-origin",
    }


def wants_page(request: Request) -> bool:
    """Whether who asks is a person before a browser, who is told in a page what went wrong."""
    inside = request.url.path.startswith(API_PREFIX)
    return not inside and "text/html" in request.headers.get("accept", "")
