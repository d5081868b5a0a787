"""The list of challenges, and each challenge's own pages: overview, data, rules, kit, and what the organizer wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from participant_kit.challenge.card import Card, Phase
from participant_kit.challenge.folder import PAGES
from participant_kit.gateway.announcements import list_announcements
from participant_kit.gateway.challenges import find_challenge, find_withdrawal, list_challenges
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.pages import policy
from participant_kit.gateway.pages.address import public_address, root_path
from participant_kit.gateway.pages.column import Columns
from participant_kit.gateway.pages.page import fill, headers_of, keep
from participant_kit.gateway.pages.plot import column_plot
from participant_kit.gateway.pages.shown import COLUMNS, KIT, PREVIEW, Shown, find_shown, read_json
from participant_kit.gateway.service import Gateway, Service, get_viewer
from participant_kit.protocol.messages import ChallengeInfo

router = APIRouter(include_in_schema=False, dependencies=[Depends(get_viewer)])


@dataclass(frozen=True)
class Challenge:
    """A challenge as its pages have it. ``withdrawn`` is why and when, for one that was withdrawn."""

    info: ChallengeInfo
    withdrawn: tuple[str, datetime] | None
    announcements: Sequence[Any] = ()

    @property
    def card(self) -> Card:
        """The challenge card."""
        return self.info.card

    @property
    def address(self) -> str:
        """The path of its first page."""
        return f"/challenges/{self.card.slug}"

    @property
    def standing(self) -> tuple[str, str]:
        """A word on where it stands, and how good that is."""
        phases, now = self.card.phases, self.info.now
        if self.withdrawn:
            return "withdrawn", "bad"
        if self.info.open_phase:
            return "open", "good"
        if now < min(phase.starts for phase in phases):
            return "not open yet", "look"
        return ("ended", "") if now >= max(phase.ends for phase in phases) else ("between phases", "look")

    @property
    def phase(self) -> Phase:
        """The one whose board is shown unless another is asked for: the open one, else that which began last."""
        ordered = sorted(self.card.phases, key=lambda phase: phase.starts)
        begun = [phase for phase in ordered if phase.starts <= self.info.now]
        return self.card.phase(self.info.open_phase or "") or (begun or ordered)[-1 if begun else 0]

    @property
    def next_phase(self) -> Phase | None:
        """The one that begins next."""
        coming = [phase for phase in self.card.phases if phase.starts > self.info.now]
        return min(coming, key=lambda phase: phase.starts, default=None)

    @property
    def version(self) -> str:
        """Names all that its pages are made of, but for the board."""
        phases = " ".join(phase.model_dump_json() for phase in self.card.phases)  # an organizer may have changed them
        said = " ".join(each.id for each in self.announcements)
        return f"{self.info.kit_sha256} {self.standing} {self.phase.name} {self.withdrawn} {phases} {said}"

    @property
    def bytes_in_words(self) -> str:
        """The most that one participant can learn in a phase."""
        return policy.in_bytes(self.card.release.budget_bits)


def get_challenge(service: Service, slug: str) -> Challenge:
    """The challenge ``slug``. Raises :class:`GatewayError` (404)."""
    with service.database.read() as connection:
        try:
            info = find_challenge(connection, slug)
        except GatewayError:
            raise GatewayError(404, "challenge_unknown", "There is no challenge at this address.") from None
        return Challenge(info, find_withdrawal(connection, slug), list_announcements(connection, slug))


def _tab(request: Request, service: Service, slug: str, name: str, **values: Any) -> Response:
    """One page of a challenge; of one that was withdrawn, why that was."""
    challenge = get_challenge(service, slug)
    if challenge.withdrawn:
        return withdrawn(request, challenge)

    def make() -> str:
        made = {key: value(challenge) if callable(value) else value for key, value in values.items()}
        return fill(request, name, challenge=challenge, tab=name, address=public_address(request), **made)

    return keep(request, challenge.version, make)


def withdrawn(request: Request, challenge: Challenge) -> Response:
    """The one page that is left of a challenge."""
    text = fill(request, "withdrawn", challenge=challenge)
    return Response(text, 410, headers_of("no-cache"), "text/html; charset=utf-8")


@router.get("/")
def get_list(request: Request, service: Gateway) -> Response:
    """Every challenge."""
    with service.database.read() as connection:
        found = [Challenge(info, find_withdrawal(connection, info.card.slug)) for info in list_challenges(connection)]
    order = {"open": 0, "between phases": 1, "not open yet": 2}
    shown = [challenge for challenge in found if not challenge.withdrawn]
    shown.sort(key=lambda challenge: (order.get(challenge.standing[0], 3), challenge.card.slug))
    version = "\n".join(challenge.version for challenge in shown)
    return keep(
        request, version, lambda: fill(request, "challenges", challenges=shown, address=public_address(request))
    )


@router.get("/challenges")
def get_other_list(request: Request) -> Response:
    """The list has one address."""
    return RedirectResponse(f"{root_path(request)}/", 308)


@router.get("/challenges/{slug}")
def get_overview(slug: str, request: Request, service: Gateway) -> Response:
    """What the challenge is, its phases and metrics."""
    return _tab(request, service, slug, "overview")


@router.get("/challenges/{slug}/data")
def get_data(slug: str, request: Request, service: Gateway) -> Response:
    """Each column, with the sample's distribution."""

    def columns(challenge: Challenge) -> Any:
        return Columns.validate_python(read_json(service, challenge.info, COLUMNS))

    return _tab(request, service, slug, "data", columns=columns, plot=lambda challenge: column_plot)


@router.get("/challenges/{slug}/rules")
def get_rules(slug: str, request: Request, service: Gateway) -> Response:
    """Quotas, limits, and what may leave, in plain words."""

    def promises(challenge: Challenge) -> list[str]:
        return policy.promises(challenge.card)

    def parts(challenge: Challenge) -> Any:
        return policy.parts(challenge.card)

    return _tab(request, service, slug, "rules", promises=promises, parts=parts)


@router.get("/challenges/{slug}/kit")
def get_kit_page(slug: str, request: Request, service: Gateway) -> Response:
    """The starter kit: how to get it, and how to know that it is the right one."""

    def files(challenge: Challenge) -> Any:
        return read_json(service, challenge.info, KIT)

    def size(challenge: Challenge) -> str:
        return f"{challenge.info.kit_bytes / 1e6:.1f} MB" if challenge.info.kit_bytes >= 1e5 else "under 0.1 MB"

    return _tab(request, service, slug, "kit", files=files, size=size)


@router.get("/challenges/{slug}/preview.png")
def get_preview(slug: str, request: Request, service: Gateway) -> Response:
    """The picture beside a link."""
    return _file(request, service, get_challenge(service, slug), PREVIEW)


@router.get(f"/challenges/{{slug}}/{PAGES}/{{name}}")
def get_page(slug: str, name: str, request: Request, service: Gateway) -> Response:
    """A page of the organizer's, or a picture of one."""
    challenge = get_challenge(service, slug)
    card = challenge.card
    titles = {page.file: page.title for page in card.pages} | ({card.terms: "Terms"} if card.terms else {})
    if challenge.withdrawn or name not in titles:
        return _file(request, service, challenge, f"{PAGES}/{name}")

    def content(challenge: Challenge) -> str:
        return _find(service, challenge, f"{PAGES}/{name}").content.decode("utf-8")

    return _tab(request, service, slug, "written", content=content, title=titles[name], file=name)


def _find(service: Service, challenge: Challenge, name: str) -> Shown:
    read_json(service, challenge.info, KIT)  # of a kit that an earlier version has published, all is made now
    with service.database.read() as connection:
        found = find_shown(connection, challenge.card.slug, name)
    if found is None:
        raise GatewayError(404, "http_404", "There is nothing at this address.")
    return found


def _file(request: Request, service: Service, challenge: Challenge, name: str) -> Response:
    found = _find(service, challenge, name)
    if not found.media_type.startswith("image/"):
        raise GatewayError(404, "http_404", "There is nothing at this address.")
    return keep(request, challenge.info.kit_sha256, lambda: found.content, found.media_type)


def find_short(request: Request) -> Response | None:
    """``/icu``, which ``pkit join`` takes, leads to the challenge, and a slash at an end to the page; else None."""
    path = request.url.path.removeprefix(root_path(request))
    if path.startswith("/challenges/") and path.endswith("/"):
        return RedirectResponse(f"{root_path(request)}{path.rstrip('/')}", 307)
    slug = path[1:]
    try:
        return RedirectResponse(f"{root_path(request)}{get_challenge(request.app.state.service, slug).address}", 307)
    except GatewayError:
        return None
