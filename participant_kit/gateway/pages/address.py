"""The gateway's own address, as it stands in pages, feeds and previews."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from starlette.requests import Request

from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.settings import Settings

_HOST = re.compile(r"([A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")


def public_address(request: Request) -> str:
    """The one that the operator has set; without it the one that was asked for, which only who asks gets to see.

    Raises :class:`GatewayError` (400) for what is no name of a host.
    """
    settings: Settings = request.app.state.service.settings
    if settings.address:
        return settings.address
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        raise GatewayError(400, "host", "The request names no host.", hint="Use the gateway's address as it was given.")
    return f"{request.url.scheme}://{host}{root_path(request)}"


def root_path(request: Request) -> str:
    """What stands before every path, where the gateway is not alone at its address; usually nothing."""
    settings: Settings = request.app.state.service.settings
    root: str = urlsplit(settings.address).path if settings.address else request.scope.get("root_path", "")
    return root.rstrip("/")
