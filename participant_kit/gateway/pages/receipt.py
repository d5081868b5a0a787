"""Receipts: dropped or pasted, and verified in the page.

The server verifies, with the code that ``pkit receipt verify`` has, so that it works without JavaScript. A script would
prove no more: it would come from the same server. Who wants to trust nobody verifies with the keys of the own kit.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import select

from participant_kit.gateway.pages.address import public_address
from participant_kit.gateway.pages.challenge import get_challenge, withdrawn
from participant_kit.gateway.pages.page import answer, fill, keep
from participant_kit.gateway.routes.upload import read_body
from participant_kit.gateway.service import Gateway, Service
from participant_kit.gateway.tables import results
from participant_kit.protocol.errors import ProtocolError
from participant_kit.protocol.identifiers import time_of
from participant_kit.protocol.receipts import ReceiptError, verify_with

router = APIRouter(include_in_schema=False)

MAX_RECEIPT = 256 << 10
"""Bytes of what is sent; a receipt has about two thousand."""


@router.get("/challenges/{slug}/receipts")
def get_receipts(slug: str, request: Request, service: Gateway) -> Response:
    """Where to drop one."""
    challenge = get_challenge(service, slug)
    if challenge.withdrawn:
        return withdrawn(request, challenge)
    values = {"challenge": challenge, "address": public_address(request), "text": "", "problem": None, "receipt": None}
    return keep(request, challenge.version, lambda: fill(request, "receipts", tab="receipts", **values))


@router.post("/challenges/{slug}/receipts")
async def post_receipt(slug: str, request: Request, service: Gateway) -> Response:
    """Verify one. Nothing is stored, whatever it is."""
    body = await read_body(request, MAX_RECEIPT, "The receipt")
    text = parse_qs(body.decode("utf-8", "replace")).get("receipt", [""])[0]
    return await run_in_threadpool(_verify, service, slug, request, text)


def _verify(service: Service, slug: str, request: Request, text: str) -> Response:
    challenge = get_challenge(service, slug)
    receipt = problem = None
    stored = False
    try:
        envelope = _read(text)
        receipt = verify_with(envelope, challenge.info.keys)
        if receipt.challenge != slug:
            raise ReceiptError(
                f"The receipt is of the challenge {receipt.challenge}, not of this one.",
                hint="Its signature is right: the same runner serves both. Look at it on the other's page.",
            )
        with service.database.read() as connection:
            known = connection.scalar(select(results.c.envelope).where(results.c.submission == receipt.submission))
        stored = known == envelope
    except ProtocolError as error:
        receipt, problem = None, error
    return answer(
        request,
        "receipts",
        422 if problem else 200,
        tab="receipts",
        challenge=challenge,
        address=public_address(request),
        text=text,
        problem=problem,
        receipt=receipt,
        stored=stored,
        made=time_of(receipt.submission) if receipt else None,
    )


def _read(text: str) -> Any:
    if not text.strip():
        raise ReceiptError("Nothing was sent.", hint="Paste the receipt, or choose its file: pkit receipt saves it.")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ReceiptError("This is no JSON.", hint="Paste the whole file, from { to }.") from None
