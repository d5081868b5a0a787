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


def declared_length(request: Request) -> int | None:
    """How many bytes the body says that it has, and so will not have more; None if it does not say."""
    declared = request.headers.get("content-length", "")
    return int(declared) if declared.isdigit() else None


async def read_body(request: Request, limit: int, what: str) -> bytes:
    """The body, at most ``limit`` bytes. Raises :class:`GatewayError` (413) as soon as it is longer."""
    if (declared_length(request) or 0) > limit:
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
