"""Bodies that are bytes, read no further than they may be long."""

from __future__ import annotations

from fastapi import Request

from participant_kit.gateway.errors import GatewayError

BINARY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
"""How such a body stands in the OpenAPI document."""


def is_short(request: Request, limit: int) -> bool:
    """Whether the body says that it has at most ``limit`` bytes, and so will have no more."""
    declared = request.headers.get("content-length", "")
    return declared.isdigit() and int(declared) <= limit


async def read_body(request: Request, limit: int, what: str) -> bytes:
    """The body, at most ``limit`` bytes. Raises :class:`GatewayError` (413) as soon as it is longer."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit, what)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise _too_large(limit, what)
    return bytes(body)


def _too_large(limit: int, what: str) -> GatewayError:
    return GatewayError(
        413, "too_large", f"{what} is larger than {limit / 2**20:.1f} MiB.", hint="Make it smaller and send it again."
    )
