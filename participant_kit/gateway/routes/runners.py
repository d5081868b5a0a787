"""The runners' part: claim, renew, return, finish."""

from __future__ import annotations

import re
import time
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.leases import (
    are_lost,
    claim,
    end_lost_lease,
    find_lent,
    finish_blind,
    finish_rehearsal,
    fit,
    is_queued,
    renew_lease,
    return_lease,
)
from participant_kit.gateway.runners import NOTED, note_runner
from participant_kit.gateway.service import AnyRunner, BlindRunner, Gateway, RehearsalRunner, Service
from participant_kit.gateway.submissions import LOGS, SEALED
from participant_kit.protocol.keys import Role
from participant_kit.protocol.messages import BlindResult, Claim, ClaimRequest, Lease, LeaseToken, RehearsalResult

router = APIRouter(tags=["runners"])

_AGENT = re.compile(r"participant-kit/([\w.+-]{1,60})")
_MOST_RUNNERS = 1000
_ROLES = {"runner": Role.BLIND, "rehearsal": Role.REHEARSAL}


@router.post("/claims", response_model=Claim, responses={204: {"description": "No work within the time asked for."}})
async def post_claim(request: ClaimRequest, http: Request, service: Gateway, runner: AnyRunner) -> Any:
    """Ask for the next sealed notebook; the answer comes when there is one."""
    if _ROLES[runner.role] != request.role:
        message = f"A token of the role {runner.role} cannot claim as {request.role.value}."
        raise GatewayError(403, "role", message, hint="Each role of the runner has a token of its own.")

    await run_in_threadpool(_note, service, request, runner.person, http.headers.get("user-agent", ""))

    async def look() -> Claim | None:
        if await http.is_disconnected():  # nothing is lent to a runner that is gone
            return None
        return await run_in_threadpool(_claim, service, request)

    found = await service.bell.wait_for(request.role, look, request.wait)
    return found if found is not None else Response(status_code=204)


def _note(service: Service, request: ClaimRequest, account: str, agent: str) -> None:
    key, now = (request.runner, request.role), time.monotonic()
    if now - service.runners.get(key, -NOTED) < NOTED:
        return
    version = _AGENT.match(agent)
    with service.database.write() as connection:
        note_runner(connection, request, account, version[1] if version else None)
    if len(service.runners) >= _MOST_RUNNERS:
        service.runners.clear()
    service.runners[key] = now


def _claim(service: Service, request: ClaimRequest) -> Claim | None:
    with service.database.read() as connection:  # who waits for work disturbs nobody
        request = fit(connection, request)
        lost, queued = are_lost(connection, service.settings), is_queued(connection, request)
    if not lost and not queued:
        return None
    while lost:
        with service.database.write() as connection:
            row = end_lost_lease(connection, service.settings)
        lost = row is not None
        if row is not None:
            service.bell.ring(row.participant, *Role)
    with service.database.write() as connection:
        lent = claim(connection, request, service.settings)
        if lent is None:
            connection.rollback()
    if lent is None:
        return None
    row, lease = lent
    try:
        sealed = service.blobs.get(SEALED, row.sealed)
    except OSError:  # the runner is not lost
        with service.database.write() as connection:
            return_lease(connection, row.id, lease.token)
        raise
    if sealed is None:  # cancelled a moment ago
        return None
    service.bell.ring(row.participant)
    return Claim(
        submission=row.id,
        challenge=row.challenge,
        phase=row.phase,
        participant=row.participant,
        lease=lease,
        sealed=sealed,
    )


@router.post("/leases/{identifier}/renew")
def post_renew(identifier: str, lease: LeaseToken, service: Gateway, runner: AnyRunner) -> Lease:
    """Keep a lease for another while."""
    with service.database.write() as connection:
        return renew_lease(connection, identifier, lease.token, service.settings)


@router.post("/leases/{identifier}/return", status_code=204)
def post_return(identifier: str, lease: LeaseToken, service: Gateway, runner: AnyRunner) -> None:
    """Give a submission back; it is queued again."""
    with service.database.write() as connection:
        row = return_lease(connection, identifier, lease.token)
    service.bell.ring(row.participant, *Role)


@router.post("/leases/{identifier}/rehearsal", status_code=204)
def post_rehearsal(identifier: str, result: RehearsalResult, service: Gateway, runner: RehearsalRunner) -> None:
    """How a rehearsal ended. A failed one comes with its report, sealed to the participant."""
    if result.report is not None:
        with service.database.read() as connection:
            find_lent(connection, identifier, result.token)
        service.blobs.put(LOGS, identifier, result.report)
    with service.database.write() as connection:
        row = finish_rehearsal(
            connection, identifier, result.token, passed=result.passed, has_log=result.report is not None
        )
    if not result.passed:
        service.blobs.remove(SEALED, row.sealed)
    service.bell.ring(row.participant, *Role)


@router.post("/leases/{identifier}/result", status_code=204)
def post_result(identifier: str, result: BlindResult, service: Gateway, runner: BlindRunner) -> None:
    """The signed result of a blind run. The same one again is taken in silence; another one is refused."""
    with service.database.write() as connection:
        row = finish_blind(connection, identifier, result.token, result.envelope)
    if row is not None:
        service.blobs.remove(SEALED, row.sealed)
        service.bell.ring(row.participant)
