"""What the page shows, made from what the participant's side knows."""

from __future__ import annotations

import contextlib

from participant_kit.challenge.alphabet import alphabet_of
from participant_kit.challenge.card import Card
from participant_kit.challenge.errors import KitError
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.participant.client import Client
from participant_kit.participant.codabench.client import CodabenchClient
from participant_kit.participant.explain import sentences
from participant_kit.participant.kernel import kernel_name
from participant_kit.participant.kit import find_kit, joined_kits, read_link
from participant_kit.participant.records import find_record, kept_path
from participant_kit.participant.server.files import Files
from participant_kit.participant.server.messages import (
    Board,
    ChallengeView,
    Kit,
    MetricView,
    Offer,
    PhaseView,
    Problem,
    SubmissionView,
)
from participant_kit.participant.submission import Submission
from participant_kit.protocol.errors import UNREACHABLE, GatewayError
from participant_kit.protocol.messages import ChallengeInfo, RehearsalReport
from participant_kit.protocol.receipts import Failure

OVERVIEW, DATA_PAGE = "README.md", "DATA.md"


def ask(gateway: str) -> Client:
    """A client for the page: who looks at it is told at once that a gateway is away, and it is tried again later."""
    return Client(gateway, retries=1)


def kit_view(kit: ChallengeFolder, files: Files) -> Kit | None:
    """A kit; None for a folder that was not joined through a gateway. Raises a :class:`KitError` for a bad card."""
    link = read_link(kit)
    if link is None:
        return None
    notebooks = sorted(kit.notebooks_dir.glob("*.ipynb"))
    data = next((path for path in (kit.root / DATA_PAGE, kit.codebook_path) if path.exists()), None)
    return Kit(
        gateway=link.gateway,
        challenge=link.challenge,
        title=kit.card.title,
        folder=str(kit.root),
        path=files.shown(kit.root),
        overview=files.shown(kit.root / OVERVIEW),
        data=files.shown(data),
        notebook=files.shown(notebooks[0]) if notebooks else None,
        kernel=kernel_name(kit),
    )


def kits_here(files: Files) -> list[Kit]:
    """Every kit that was joined on this machine and is still there; those that Jupyter shows come first."""
    found = []
    for folder in joined_kits():
        with contextlib.suppress(KitError, OSError):
            if view := kit_view(ChallengeFolder(folder), files):
                found.append(view)
    return sorted(found, key=lambda kit: (kit.path is None, kit.title))


def challenge_view(
    client: Client, kit: ChallengeFolder, info: ChallengeInfo, me: str | None, files: Files
) -> ChallengeView:
    """The challenge of ``kit`` as the gateway has it now, with what is left of the quota."""
    card, link, view = info.card, read_link(kit), kit_view(kit, files)
    assert view is not None  # noqa: S101 - a watched kit was joined
    return ChallengeView(
        kit=view,
        summary=card.summary,
        me=me,
        phases=phase_views(card),
        open_phase=info.open_phase,
        metrics=[
            MetricView(
                name=metric.name,
                higher_is_better=metric.higher_is_better,
                decimals=metric.decimals,
                primary=metric.primary,
            )
            for metric in card.metrics
        ],
        quota=client.quota(card.slug, info.open_phase) if me else None,
        most_bits=alphabet_of(card).bits,
        budget_bits=card.release.budget_bits,
        kit_is_current=link is not None and link.kit_sha256 == info.kit_sha256,
        server_time=info.now,
    )


def phase_views(card: Card) -> list[PhaseView]:
    """The phases of a challenge."""
    return [PhaseView(name=phase.name, starts=phase.starts, ends=phase.ends) for phase in card.phases]


def board_view(
    client: Client | CodabenchClient, slug: str, phase: str | None, me: str | None, **rows: int | None
) -> Board:
    """A leaderboard and who is looking; ``rows`` are ``offset`` and ``limit``, if not the first of it are wanted."""
    board = client.leaderboard(slug, phase, **rows)
    plain = {name: getattr(board, name) for name in type(board).model_fields}
    return Board(**plain, gateway=client.gateway, me=me)


def offer_view(info: ChallengeInfo, gateway: str, files: Files) -> Offer:
    """A challenge that could be joined, or is."""
    joined = None
    with contextlib.suppress(KitError, OSError):
        joined = kit_view(find_kit(files.root, info.card.slug, gateway), files)
    return Offer(
        challenge=info.card.slug,
        title=info.card.title,
        summary=info.card.summary,
        open_phase=info.open_phase,
        metric=info.card.primary.name,
        kit_bytes=info.kit_bytes,
        kit_sha256=info.kit_sha256,
        joined=joined,
    )


def submission_view(
    submission: Submission, gateway: str, files: Files, *, verify: bool = False, report: RehearsalReport | None = None
) -> SubmissionView:
    """A submission. Only with ``verify`` is the receipt asked for and scores shown; ``report`` says why it failed.

    Raises :class:`GatewayError` when the receipt cannot be had now, which says nothing of the receipt.
    """
    status, record = submission.status, find_record(submission.id)
    plain = status.model_dump(exclude={"scores", "failure"})
    view = SubmissionView(
        **plain,
        gateway=gateway,
        name=record.name if record else "",
        note=record.note if record else "",
        notebook=files.shown(record.path) if record else None,
        kept=kept_path(submission.id) is not None,
    )
    failure = status.failure if not submission.has_receipt and (verify or not status.has_log) else None
    if report and report.stage:
        failure = Failure(stage=report.stage, cell=report.cell, reason=report.reason)
    if verify and (submission.has_receipt or status.scores is not None):
        try:
            outcome = submission.receipt().outcome
            view.scores, failure, view.verified = outcome.scores, outcome.failure, True
        except KitError as error:
            if isinstance(error, GatewayError) and (error.code == UNREACHABLE or error.status in (401, 503)):
                raise
            view.problem = Problem.of(error)
    if failure:
        said = sentences(failure, on_sample=report is not None)
        view.failure, view.explanation, view.next_step = failure, said.sentence, said.next_step
    return view
