"""Codabench competitions for the page: what it shows of them, and how they are followed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from participant_kit.challenge.errors import KitError
from participant_kit.challenge.finding import Finding
from participant_kit.challenge.folder import find_challenge
from participant_kit.participant.codabench import messages
from participant_kit.participant.codabench.client import CodabenchClient, quota_of
from participant_kit.participant.codabench.place import Place, find_place, joined, joined_places
from participant_kit.participant.codabench.submission import CodabenchStatus, CodabenchSubmission
from participant_kit.participant.errors import ParticipantError
from participant_kit.participant.prepare import prepare_notebook
from participant_kit.participant.server.checks import findings_of
from participant_kit.participant.server.files import Files
from participant_kit.participant.server.messages import (
    ChallengeView,
    Kit,
    MetricView,
    PhaseView,
    Preview,
    Problem,
    SubmissionView,
)
from participant_kit.participant.server.views import board_view, kits_here
from participant_kit.participant.server.watch import Watch

LOOK_AROUND = 30.0
"""Seconds after which leaderboard and phases are looked at again, if no score has come before."""


def ask_codabench(place: Place) -> CodabenchClient:
    """A client for the page, which tells at once that a server is away."""
    return CodabenchClient(place.server, place.competition, retries=1)


def place_of(notebook: Path, target: str | None) -> Place | None:
    """The competition that ``target`` is the folder of, or the one whose folder holds ``notebook``."""
    if target is None:
        return find_place(notebook.parent)
    for place in joined_places():
        if str(place.folder) == target:
            return place
    raise ParticipantError(
        f"No competition is in {target} any more.", hint="Get it again with: pkit join --codabench", code="no_kit"
    )


def all_kits(files: Files) -> list[Kit]:
    """Every kit and competition that was joined on this machine; those that Jupyter shows come first."""
    kits = [*kits_here(files), *(competition_kit(place, files) for place in joined_places())]
    return sorted(kits, key=lambda kit: kit.path is None)


def competition_kit(place: Place, files: Files) -> Kit:
    """What was joined of a competition."""
    folder = place.folder or Path()
    notebooks = sorted(path for path in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
    return Kit(
        gateway=place.server,
        challenge=place.name,
        title=place.title,
        folder=str(folder),
        path=files.shown(folder),
        overview=files.shown(folder / "README.md"),
        notebook=files.shown(notebooks[0]) if notebooks else None,
        kernel="python3",
        codabench=True,
    )


def competition_preview(path: Path, place: Place, files: Files) -> Preview:
    """What is to be known before the notebook at ``path`` is sent."""
    preview = Preview(kit=competition_kit(place, files), findings=competition_findings(path), phases=[])
    try:
        client = ask_codabench(place)
        client.connection.require_token()
        found = client.competition()
        preview.phases = _phases(found)
        phase = client.open_phase(found)
        preview.phase, preview.quota = phase.name, quota_of(phase)
        client.check_permission(phase, found)
    except KitError as error:
        preview.problem = Problem.of(error)
    return preview


def competition_findings(path: Path) -> list[Finding]:
    """What the check finds where there is a card to check against; without one, whether it is a notebook at all."""
    if kit := find_challenge(path.parent):
        return findings_of(path, kit)
    prepare_notebook(path)
    return []


def competition_submission_view(submission: CodabenchSubmission, server: str, files: Files) -> SubmissionView:
    """A submission, as the server shows it."""
    record = submission.record
    return SubmissionView(
        **submission.status.model_dump(exclude={"on_leaderboard"}),
        gateway=server,
        name=record.name if record else "",
        note=record.note if record else "",
        notebook=files.shown(record.path) if record else None,
        kept=record is not None and record.path.suffix == ".ipynb",
    )


class CodabenchWatch(Watch):
    """Follows one competition. The server holds no answer until something changes: it is asked again and again."""

    def show(self, view: SubmissionView) -> None:
        """Take what was just learnt, and look more often from now on."""
        super().show(view)
        self.poke()

    def _follow(self) -> Iterator[None]:
        place = joined(self.gateway, self.challenge)
        if place is None:
            raise ParticipantError(
                "The folder of this competition is gone.",
                hint="Get it again with: pkit join --codabench",
                code="no_kit",
            )
        client = ask_codabench(place)
        known: dict[str, CodabenchStatus] | None = None
        looked = 0.0
        while not self._stopped.is_set():
            held = client.submissions(before=known)
            if self._stopped.is_set():
                return
            self._heard = time.time()
            fresh = [own for own in held if known is None or known.get(own.id) != own.status]
            views = {own.id: competition_submission_view(own, self.gateway, self._files) for own in fresh}
            with self._lock:
                self._views |= views
                self._known = True
                if views or known is None:
                    self._say(kind="submissions", submissions=list(views.values()), whole=known is None)
            first, known = known is None, {own.id: own.status for own in held}
            if first or any(own.scores for own in fresh) or time.time() - looked > LOOK_AROUND:
                self._look_at(client, place)
                looked = time.time()
            self._report(None)
            yield
            busy = not all(status.state.is_final for status in known.values())
            self._rest(min(self._pause, 5.0) if busy else self._wait)

    def _look_at(self, client: CodabenchClient, place: Place) -> None:
        found = client.competition()
        me = client.me().name
        phase = next((one for one in found.phases if one.is_open), None)
        view = ChallengeView(
            kit=competition_kit(place, self._files),
            summary=found.description or "",
            me=me,
            phases=_phases(found),
            open_phase=phase.name if phase else None,
            metrics=[
                MetricView(
                    name=name,
                    higher_is_better=column.sorting == "desc",
                    decimals=column.precision,
                    primary=primary,
                )
                for name, column, primary in client.columns(found)
            ],
            quota=quota_of(phase) if phase else None,
            most_bits=None,
            budget_bits=None,
            kit_is_current=True,
            server_time=datetime.now(UTC),
        )
        board = board_view(client, self.challenge, None, me)
        with self._lock:
            self._view = view
            self._say(kind="challenge", view=view)
            if board != self._board:
                self._board = board
                self._say(kind="board", board=board)


def _phases(found: messages.Competition) -> list[PhaseView]:
    return [PhaseView(name=phase.name, starts=phase.start, ends=phase.end) for phase in found.phases]
