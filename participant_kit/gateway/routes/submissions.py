"""A participant's submissions."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import select

from participant_kit.gateway.accounts import Caller
from participant_kit.gateway.blobs import RESERVE
from participant_kit.gateway.challenges import find_challenge
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.routes.upload import BINARY, declared_length, read_body
from participant_kit.gateway.service import Credentials, Gateway, Participant, Service, allow, identify
from participant_kit.gateway.submissions import (
    LOGS,
    SEALED,
    SEALING_BYTES,
    cancel_submission,
    check_identifier,
    find_submission,
    list_submissions,
    read_status,
    sealed_name,
    store_submission,
)
from participant_kit.gateway.tables import results
from participant_kit.protocol.keys import Role
from participant_kit.protocol.messages import ChallengeInfo, SubmissionStatus

router = APIRouter(tags=["submissions"])


def _enter(service: Service, request: Request, credentials: Credentials, slug: str) -> tuple[Caller, ChallengeInfo]:
    """Who submits to what. Raises :class:`GatewayError`."""
    with service.database.read() as connection:
        return allow(identify(connection, request, credentials), "participant"), find_challenge(connection, slug)


@router.put("/challenges/{slug}/submissions/{identifier}", openapi_extra=BINARY)
async def put_submission(
    slug: str,
    identifier: str,
    request: Request,
    service: Gateway,
    credentials: Credentials,
    phase: str | None = None,
) -> SubmissionStatus:
    """Submit a sealed notebook under an identifier of the client's making; sending it twice is sending it once."""
    check_identifier(identifier)
    limit, length = SEALING_BYTES, declared_length(request)
    if length is None or length > limit:  # a shorter one is with the server already, and who sends it is asked once
        _, challenge = await run_in_threadpool(_enter, service, request, credentials, slug)
        limit += challenge.card.submission.max_notebook
    sealed = await read_body(request, limit, "The notebook")

    def store() -> SubmissionStatus:
        participant, challenge = _enter(service, request, credentials, slug)
        return _store(service, challenge, phase, participant, identifier, sealed)

    return await run_in_threadpool(store)


def _store(
    service: Service, challenge: ChallengeInfo, phase: str | None, participant: Caller, identifier: str, sealed: bytes
) -> SubmissionStatus:
    digest = hashlib.sha256(sealed).hexdigest()
    name, kept = sealed_name(identifier), False
    service.blobs.put(SEALED, name, sealed, reserve=RESERVE)  # before the row: a row never lacks its blob
    try:
        with service.database.write() as connection:
            who, person = participant.name, participant.person
            status, kept = store_submission(connection, challenge, phase, who, identifier, digest, name, person)
    finally:
        if not kept:  # refused, or sent twice
            service.blobs.remove(SEALED, name)
    service.bell.ring(participant.name, *Role)
    return status


@router.get("/submissions")
def get_submissions(service: Gateway, participant: Participant, challenge: str | None = None) -> list[SubmissionStatus]:
    """The caller's submissions, newest first."""
    with service.database.read() as connection:
        return list_submissions(connection, participant.name, challenge)


@router.get("/submissions/{identifier}")
async def get_submission(
    identifier: str,
    service: Gateway,
    participant: Participant,
    version: Annotated[int | None, Query(description="Answer when the submission has another version.")] = None,
    wait: Annotated[float, Query(ge=0, le=60, description="Seconds to wait for that.")] = 0,
) -> SubmissionStatus:
    """One submission; with ``version`` and ``wait`` the answer comes when it changes."""

    def look() -> SubmissionStatus | None:
        with service.database.read() as connection:
            status = read_status(connection, find_submission(connection, identifier, participant.name).id)
        return status if version is None or status.version != version else None

    async def look_aside() -> SubmissionStatus | None:
        return await run_in_threadpool(look)

    changed = await service.bell.wait_for(participant.name, look_aside, wait if version is not None else 0)
    if changed is not None:
        return changed
    version = None
    status = await run_in_threadpool(look)
    assert status is not None  # noqa: S101 - look answers when no version is given
    return status


@router.post("/submissions/{identifier}/cancel")
def post_cancel(identifier: str, service: Gateway, participant: Participant) -> SubmissionStatus:
    """Take a submission back. What is final stays; a run that had begun on real data counts."""
    with service.database.write() as connection:
        row = cancel_submission(connection, identifier, participant.name)
        status = read_status(connection, identifier)
    service.blobs.remove(SEALED, row.sealed)
    service.bell.ring(participant.name)
    return status


@router.get("/submissions/{identifier}/log", response_class=Response)
def get_log(identifier: str, service: Gateway, participant: Participant) -> Response:
    """The rehearsal's report, sealed to the participant."""
    with service.database.read() as connection:
        row = find_submission(connection, identifier, participant.name)
    log = service.blobs.get(LOGS, row.id) if row.has_log else None
    if log is None:
        hint = "Only a failed rehearsal has one; a blind run's log never leaves."
        raise GatewayError(404, "no_log", "This submission has no log.", hint=hint)
    return Response(log, media_type="application/octet-stream")


@router.get("/submissions/{identifier}/receipt")
def get_receipt(identifier: str, service: Gateway, participant: Participant) -> dict[str, Any]:
    """The signed receipt: an in-toto statement in a DSSE envelope."""
    with service.database.read() as connection:
        row = find_submission(connection, identifier, participant.name)
        envelope = connection.scalar(select(results.c.envelope).where(results.c.submission == row.id))
    if envelope is None:
        hint = "It comes with the result."
        raise GatewayError(404, "no_receipt", "This submission has no receipt yet.", hint=hint)
    return dict(envelope)
