"""The leaderboard as a page, as CSV and JSON, as it was at the end of a day, and for other people's pages."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy import Connection

from participant_kit.challenge.card import Phase
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.leaderboard import (
    PAGE,
    PARTICIPANT,
    RANK,
    SUBMISSIONS,
    SUBMITTED,
    Order,
    Standing,
    read_board,
    read_own_row,
)
from participant_kit.gateway.pages.address import public_address
from participant_kit.gateway.pages.challenge import Challenge, get_challenge, withdrawn
from participant_kit.gateway.pages.page import fill, keep, viewer_of
from participant_kit.gateway.pages.plot import history_plot
from participant_kit.gateway.service import Gateway, Service, get_viewer
from participant_kit.protocol.messages import LeaderboardRow

router = APIRouter(prefix="/challenges/{slug}/leaderboard", include_in_schema=False, dependencies=[Depends(get_viewer)])

PhaseName = Annotated[str | None, Query(max_length=64)]
Name = Annotated[str, Query(max_length=64)]
Sort = Annotated[str, Query(max_length=100)]
Offset = Annotated[int, Query(ge=0, le=10**9)]


def _part(
    phase: PhaseName = None, sort: Sort = RANK, worst: bool = False, offset: Offset = 0, name: Name = ""
) -> dict[str, Any]:
    return {"phase": phase, "sort": sort, "worst": worst, "offset": offset, "name": name}


Part = Annotated[dict[str, Any], Depends(_part)]
"""What of a board is asked for, and in which order."""
FIRST = Order()
"""The order in which a board ranks."""
EMBEDDED = 10
"""Rows of a board in other people's pages."""


@dataclass(frozen=True)
class Asked:
    """Which board somebody wants to see, which part of it, and whose row they look for."""

    challenge: Challenge
    phase: Phase
    day: date | None = None
    order: Order = FIRST
    offset: int = 0
    name: str = ""

    @cached_property
    def standing(self) -> Standing:
        """The board itself."""
        end = datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC) + timedelta(1) if self.day else None
        return Standing(self.challenge.card, self.phase, end.timestamp() if end else None)

    @property
    def is_hidden(self) -> bool:
        """Whether nobody sees it."""
        return self.phase.leaderboard == "hidden"

    @property
    def path(self) -> str:
        """Its address without a host."""
        return f"{self.challenge.address}/leaderboard{f'/{self.day}' if self.day else ''}"

    @property
    def place(self) -> str:
        """What it begins with in words."""
        return f"{self.phase.name}{f', end of {self.day} (UTC)' if self.day else ''}"

    def link(self, **changed: Any) -> str:
        """The address of the same board with something changed."""
        order = changed.get("order", self.order)
        values = {
            "phase": self.phase.name,
            "sort": "" if order.by == RANK else order.by,
            "worst": "1" if order.worst_first else "",
            "offset": changed.get("offset", 0) or "",
            "name": changed.get("name", self.name),
        } | {key: value for key, value in changed.items() if key not in ("order", "offset", "name")}
        return f"{self.path}?{urlencode({key: value for key, value in values.items() if value})}"

    def sorted_by(self, by: str) -> str:
        """The address of the same board in the order of ``by``; in the other direction if it is that already."""
        return self.link(order=Order(by, self.order.by == by and not self.order.worst_first))

    @property
    def direction(self) -> str:
        """How the values of the column in whose order it is go, from the first row to the last."""
        metric = next((metric for metric in self.challenge.card.metrics if metric.name == self.order.by), None)
        falls = bool(metric and metric.higher_is_better) != self.order.worst_first
        return "descending" if falls else "ascending"

    def version(self, connection: Connection) -> str:
        """Names all that is shown."""
        board = "" if self.is_hidden else self.standing.version(connection)
        return f"{self.challenge.version} {board} {self.phase.name} {self.day} {self.order} {self.offset} {self.name}"

    def rows(self, connection: Connection, limit: int | None = PAGE) -> list[LeaderboardRow]:
        """The part of the board that was asked for."""
        if self.is_hidden:
            return []
        if self.day is None and self.order == FIRST:
            return read_board(connection, self.challenge.card, self.phase, self.offset, limit).rows
        return list(self.standing.rows(connection, self.order, self.offset, limit))

    def own_row(self, connection: Connection, name: str) -> LeaderboardRow | None:
        """The row of ``name``."""
        if not name or self.is_hidden:
            return None
        if self.day is None:
            return read_own_row(connection, self.challenge.card, self.phase, name)
        return self.standing.row_of(connection, name)


def _ask(
    challenge: Challenge,
    phase: str | None,
    day: str | None = None,
    sort: str = RANK,
    worst: bool = False,
    offset: int = 0,
    name: str = "",
) -> Asked:
    """What was asked for. Raises :class:`GatewayError` (404) for what there is not."""
    card = challenge.card
    found = card.phase(phase) if phase else challenge.phase
    if found is None:
        known = ", ".join(each.name for each in card.phases)
        raise GatewayError(404, "phase_unknown", "There is no such phase.", hint=f"The phases are: {known}.")
    known_orders = {RANK, PARTICIPANT, SUBMITTED, *(metric.name for metric in card.metrics)}
    if sort not in known_orders | ({SUBMISSIONS} if day is None else set()):
        raise GatewayError(404, "order_unknown", "A board cannot be ordered by that.", hint="Choose a column's head.")
    return Asked(challenge, found, _day(challenge, day), Order(sort, worst), offset, name.strip())


def _day(challenge: Challenge, day: str | None) -> date | None:
    if day is None:
        return None
    try:
        found = date.fromisoformat(day)
    except ValueError:
        found = None
    if found is None or day != str(found):
        raise GatewayError(404, "day_unknown", "This is no day.", hint="A day is written as in 2026-01-31.")
    if found >= challenge.info.now.date():
        hint = "A day's board has its address from the next midnight (UTC) on."
        raise GatewayError(404, "day_unknown", "This day is not over.", hint=hint)
    return found


def _show(request: Request, service: Service, asked: Asked) -> Response:
    viewer = viewer_of(request)
    name = asked.name or (viewer.name if viewer else "")
    with service.database.read() as connection:
        version = asked.version(connection)

        def make() -> str:
            rows, own = asked.rows(connection), asked.own_row(connection, name)
            leads = [] if asked.is_hidden else asked.standing.leads(connection)
            mine = asked.standing.records_of(connection, name) if own else []
            until = min(asked.phase.ends, asked.challenge.info.now)
            if asked.standing.until is not None:
                until = min(until, datetime.fromtimestamp(asked.standing.until, UTC))
            card = asked.challenge.card
            return fill(
                request,
                "leaderboard",
                tab="leaderboard",
                challenge=asked.challenge,
                asked=asked,
                address=public_address(request),
                rows=rows,
                own=own,
                own_name=name,
                found="your row" if viewer and viewer.name == name else "found",
                own_page=asked.standing.count_before(connection, name) // PAGE * PAGE if own else 0,
                is_listed=own is not None and any(row.participant == own.participant for row in rows),
                count=0 if asked.is_hidden else asked.standing.count(connection),
                leads=leads[-20:][::-1],
                plot=history_plot(card.primary, leads, mine, until),
                size=PAGE,
                first_order=FIRST,
                live=asked.day is None and asked.phase.is_open(asked.challenge.info.now),
                yesterday=asked.challenge.info.now.date() - timedelta(1),
            )

        return keep(request, version, make)


@router.get("")
def get_board(slug: str, request: Request, service: Gateway, part: Part) -> Response:
    """The board as it is, a hundred rows of it."""
    return _board(slug, request, service, part)


@router.get(".csv")
@router.get(".json")
def get_board_file(slug: str, request: Request, service: Gateway, phase: PhaseName = None) -> Response:
    """The whole board as it is, for programs."""
    return _file(request, service, _ask(get_challenge(service, slug), phase))


@router.get("/embed")
def get_embedded(slug: str, request: Request, service: Gateway, phase: PhaseName = None) -> Response:
    """The first rows, for a frame in other people's pages."""
    asked = _ask(get_challenge(service, slug), phase)
    if asked.challenge.withdrawn:
        return withdrawn(request, asked.challenge)
    with service.database.read() as connection:
        return keep(
            request,
            asked.version(connection),
            lambda: fill(
                request,
                "embed",
                challenge=asked.challenge,
                asked=asked,
                address=public_address(request),
                rows=asked.rows(connection, EMBEDDED),
                own=None,
            ),
            frames="*",
        )


@router.get("/{day}.csv")
@router.get("/{day}.json")
def get_day_file(slug: str, day: str, request: Request, service: Gateway, phase: PhaseName = None) -> Response:
    """The whole board of a day, for programs."""
    return _file(request, service, _ask(get_challenge(service, slug), phase, day))


@router.get("/{day}")
def get_day(slug: str, day: str, request: Request, service: Gateway, part: Part) -> Response:
    """The board as it was when a day had ended, for ever at one address."""
    return _board(slug, request, service, part, day)


def _board(slug: str, request: Request, service: Service, part: dict[str, Any], day: str | None = None) -> Response:
    challenge = get_challenge(service, slug)
    if challenge.withdrawn:
        return withdrawn(request, challenge)
    return _show(request, service, _ask(challenge, day=day, **part))


def _file(request: Request, service: Service, asked: Asked) -> Response:
    if asked.challenge.withdrawn:
        raise GatewayError(410, "withdrawn", "This challenge was withdrawn.", hint=asked.challenge.withdrawn[0])
    is_csv = request.url.path.endswith(".csv")
    with service.database.read() as connection:
        return keep(
            request,
            asked.version(connection),
            lambda: (_csv if is_csv else _json)(asked, asked.rows(connection, None)),
            "text/csv; charset=utf-8" if is_csv else "application/json",
            **{"Access-Control-Allow-Origin": "*"},
        )


def _fields(asked: Asked, row: LeaderboardRow) -> dict[str, Any]:
    values: dict[str, Any] = {"rank": row.rank, "participant": row.participant}
    values["baseline"] = row.participant in asked.challenge.card.baselines
    values |= {metric.name: row.scores.get(metric.name) for metric in asked.challenge.card.metrics}
    values["submitted_at"] = f"{row.submitted_at:%Y-%m-%dT%H:%M:%SZ}"
    return values | ({} if asked.day else {"submissions": row.submissions})


def _csv(asked: Asked, rows: list[LeaderboardRow]) -> str:
    metrics = (metric.name for metric in asked.challenge.card.metrics)
    names = ["rank", "participant", "baseline", *metrics, "submitted_at", *([] if asked.day else ["submissions"])]
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(_fields(asked, row) for row in rows)
    return text.getvalue()


def _json(asked: Asked, rows: list[LeaderboardRow]) -> str:
    primary = asked.challenge.card.primary
    board = {
        "challenge": asked.challenge.card.slug,
        "phase": asked.phase.name,
        "day": str(asked.day) if asked.day else None,
        "primary": primary.name,
        "higher_is_better": primary.higher_is_better,
        "hidden": asked.is_hidden,
        "rows": [_fields(asked, row) for row in rows],
    }
    return json.dumps(board)
