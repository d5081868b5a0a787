"""Receipts: dropped or pasted, and verified in the page.

The server verifies, with the code that ``pkit receipt verify`` has, so that it works without JavaScript. A script would
prove no more: it would come from the same server. Who wants to trust nobody verifies with the keys of the own kit.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import select

from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.pages.address import public_address
from participant_kit.gateway.pages.challenge import Challenge, get_challenge, withdrawn
from participant_kit.gateway.pages.page import HTML, fill, headers_of, keep, viewer_of
from participant_kit.gateway.routes.upload import read_body
from participant_kit.gateway.service import Gateway, Service, get_viewer
from participant_kit.gateway.submissions import list_submissions
from participant_kit.gateway.tables import results, submissions
from participant_kit.protocol.errors import ProtocolError
from participant_kit.protocol.identifiers import time_of
from participant_kit.protocol.messages import SubmissionStatus
from participant_kit.protocol.receipts import Receipt, ReceiptError, verify_with

router = APIRouter(include_in_schema=False, dependencies=[Depends(get_viewer)])

MAX_RECEIPT = 256 << 10
"""Bytes of what is sent; a receipt has about two thousand."""


@router.get("/challenges/{slug}/receipts")
def get_receipts(slug: str, request: Request, service: Gateway) -> Response:
    """Where to drop one; who is known sees their own."""
    challenge = get_challenge(service, slug)
    if challenge.withdrawn:
        return withdrawn(request, challenge)
    viewer = viewer_of(request)
    if viewer is None:
        return keep(request, challenge.version, lambda: _page(request, challenge))
    with service.database.read() as connection:
        own = [one for one in list_submissions(connection, viewer.name, slug) if one.has_receipt]
    return Response(_page(request, challenge, own=own), headers=headers_of("no-store"), media_type=HTML)


@router.get("/challenges/{slug}/receipts/{identifier}")
def get_own_receipt(slug: str, identifier: str, request: Request, service: Gateway) -> Response:
    """The receipt of one of the viewer's own submissions; another's is not there for them."""
    challenge, viewer = get_challenge(service, slug), viewer_of(request)
    with service.database.read() as connection:
        mine = (submissions.c.participant == (viewer.name if viewer else None)) & (submissions.c.challenge == slug)
        query = select(results.c.envelope).join(submissions, submissions.c.id == results.c.submission)
        envelope = connection.scalar(query.where(submissions.c.id == identifier, mine))
    if envelope is None:
        raise GatewayError(404, "receipt_unknown", "There is no receipt of yours at this address.")
    return _verify(service, challenge, request, json.dumps(envelope, indent=2))


@router.post("/challenges/{slug}/receipts")
async def post_receipt(slug: str, request: Request, service: Gateway) -> Response:
    """Verify one. Nothing is stored, whatever it is."""
    body = await read_body(request, MAX_RECEIPT, "The receipt")
    text = parse_qs(body.decode("utf-8", "replace")).get("receipt", [""])[0]
    challenge = await run_in_threadpool(get_challenge, service, slug)
    return await run_in_threadpool(_verify, service, challenge, request, text)


def _verify(service: Service, challenge: Challenge, request: Request, text: str) -> Response:
    try:
        envelope = _read(text)
        receipt = verify_with(envelope, challenge.info.keys)
        if receipt.challenge != challenge.card.slug:
            hint = "Its signature is right: one runner serves both. Look at it on the other's page."
            raise ReceiptError(f"The receipt is of the challenge {receipt.challenge}, not of this one.", hint=hint)
    except ProtocolError as error:
        page = _page(request, challenge, text=text, problem=error)
        return Response(page, 422, headers_of("no-store"), HTML)
    with service.database.read() as connection:
        known = connection.scalar(select(results.c.envelope).where(results.c.submission == receipt.submission))
    page = _page(request, challenge, text=text, receipt=receipt, stored=known == envelope)
    return Response(page, headers=headers_of("no-store"), media_type=HTML)


def _page(
    request: Request,
    challenge: Challenge,
    *,
    text: str = "",
    problem: ProtocolError | None = None,
    receipt: Receipt | None = None,
    stored: bool = False,
    own: Sequence[SubmissionStatus] = (),
) -> str:
    return fill(
        request,
        "receipts",
        tab="receipts",
        challenge=challenge,
        address=public_address(request),
        text=text,
        problem=problem,
        receipt=receipt,
        stored=stored,
        made=time_of(receipt.submission) if receipt else None,
        own=own,
    )


def _read(text: str) -> Any:
    if not text.strip():
        raise ReceiptError("Nothing was sent.", hint="Paste the receipt, or choose its file.")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ReceiptError("This is no JSON.", hint="Paste the whole file, from { to }.") from None
