"""Challenges, their kits, leaderboards and quotas."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from participant_kit.gateway.accounts import find_account, hash_token
from participant_kit.gateway.challenges import (
    find_challenge,
    list_challenges,
    read_kit_blob,
)
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.leaderboard import PAGE, BoardPage, board_version, read_board, read_own_row
from participant_kit.gateway.participations import note_participation
from participant_kit.gateway.publish import publish
from participant_kit.gateway.quotas import read_quota
from participant_kit.gateway.routes.upload import BINARY, read_body
from participant_kit.gateway.service import Credentials, Gateway, Organizer, Participant
from participant_kit.gateway.submissions import read_changes
from participant_kit.protocol.kit import MAX_KIT_BYTES
from participant_kit.protocol.messages import ChallengeInfo, Changes, Leaderboard, Quota

router = APIRouter(prefix="/challenges", tags=["challenges"])


@router.get("")
def get_challenges(service: Gateway) -> list[ChallengeInfo]:
    """Every published challenge."""
    with service.database.read() as connection:
        return list_challenges(connection)


@router.get("/{slug}")
def get_challenge(slug: str, service: Gateway) -> ChallengeInfo:
    """One challenge: its card, the public keys to seal to, the kit's checksum."""
    with service.database.read() as connection:
        return find_challenge(connection, slug)


@router.put("/{slug}", openapi_extra=BINARY)
async def put_challenge(slug: str, request: Request, service: Gateway, organizer: Organizer) -> ChallengeInfo:
    """Publish a challenge, or a new version of its kit: the body is the kit's zip."""
    kit = await read_body(request, MAX_KIT_BYTES, "The kit")
    return await run_in_threadpool(publish, service, slug, kit, organizer.person)


@router.get(
    "/{slug}/kit",
    response_class=Response,
    responses={200: {"content": {"application/zip": {}}}},
    openapi_extra={"security": [{}]},  # a token is optional
)
def get_kit(slug: str, service: Gateway, credentials: Credentials) -> Response:
    """The starter kit, a zip. Who fetches it with a participant's token takes part, and hears of the challenge."""
    for _ in range(2):  # between the two looks another kit may have been published
        with service.database.read() as connection:
            info = find_challenge(connection, slug)
        kit = read_kit_blob(service.blobs, slug, info.kit_sha256)
        if kit is not None:
            break
    else:
        raise GatewayError(404, "kit_unknown", "The kit is not stored here.", hint="The organizer publishes it again.")
    if credentials:
        with suppress(GatewayError):  # the kit is open to who has no token, or one that has expired
            with service.database.read() as connection:
                account = find_account(connection, credentials.credentials)
            if account.role == "participant":
                note_participation(service.database, slug, account.person)
    headers = {"ETag": f'"{info.kit_sha256}"', "Content-Disposition": f'attachment; filename="{slug}.zip"'}
    return Response(kit, media_type="application/zip", headers=headers)


@router.get("/{slug}/quota")
def get_quota(slug: str, service: Gateway, participant: Participant, phase: str | None = None) -> Quota:
    """What the caller has used of a phase; of the open one unless it is named."""
    with service.database.read() as connection:
        info = find_challenge(connection, slug)
        found = info.card.phase(phase or info.open_phase or info.card.phases[-1].name)
        if found is None:
            raise _no_phase(info, phase)
        return read_quota(connection, info.card, found, participant.name)


@router.get("/{slug}/changes")
async def get_changes(
    slug: str,
    service: Gateway,
    participant: Participant,
    after: Annotated[int, Query(ge=0, description="The revision of the last answer; 0 for everything.")] = 0,
    tag: Annotated[str | None, Query(max_length=200, description="The tag of the last answer.")] = None,
    wait: Annotated[float, Query(ge=0, le=60, description="Seconds to wait for a change.")] = 0,
) -> Changes:
    """The caller's submissions that changed; with ``wait``, the answer comes when something does."""

    def look() -> Changes:
        with service.database.read() as connection:
            return read_changes(connection, find_challenge(connection, slug), participant.name, after)

    async def look_aside() -> Changes | None:
        changes = await run_in_threadpool(look)
        return changes if changes.revision > after or changes.tag != tag else None

    changed = await service.bell.wait_for(participant.name, look_aside, wait)
    return changed if changed is not None else await run_in_threadpool(look)


@router.get("/{slug}/leaderboard", response_model=Leaderboard, openapi_extra={"security": [{}]})  # a token is optional
def get_leaderboard(
    slug: str,
    service: Gateway,
    credentials: Credentials,
    phase: str | None = None,
    offset: Annotated[int, Query(ge=0, le=10**9, description="Rows to pass over.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000, description="Rows of one answer.")] = PAGE,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """A page of the board of a phase; of the open one unless it is named. Answers 304 to an ETag that still holds.

    Who asks with a token and is on another page gets their own row as the last one.
    """
    with service.database.read() as connection:
        info = find_challenge(connection, slug)
        found = info.card.phase(phase or info.open_phase or info.card.phases[-1].name)
        if found is None:
            raise _no_phase(info, phase)
        version = f"{board_version(connection, slug, found.name)}-{info.kit_sha256[:16]}-{offset}-{limit}"
        etag = f'"{version}-{hash_token(credentials.credentials)[:16]}"' if credentials else f'"{version}"'
        headers = {"ETag": etag, "Cache-Control": "no-cache", "Vary": "Authorization"}
        if if_none_match == etag:
            return Response(status_code=304, headers=headers)
        page = service.boards.get((slug, found.name))
        if page is None or page.version != version:
            page = BoardPage(version, read_board(connection, info.card, found, offset, limit))
            if (offset, limit) == (0, PAGE):
                service.boards[slug, found.name] = page
        own = None
        if credentials and not page.is_whole:
            with suppress(GatewayError):  # the board is open to who has no token, or one that has expired
                who = find_account(connection, credentials.credentials).name
                own = None if who in page.names else read_own_row(connection, info.card, found, who)
    return Response(page.body_with(own), media_type="application/json", headers=headers)


def _no_phase(info: ChallengeInfo, phase: str | None) -> GatewayError:
    known = ", ".join(each.name for each in info.card.phases)
    return GatewayError(404, "phase_unknown", f"{info.card.slug} has no phase {phase!r}.", hint=f"Its phases: {known}.")
