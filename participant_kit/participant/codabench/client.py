"""The participant's way to a Codabench server: ``CodabenchClient(...).submit(path).wait().scores``."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from participant_kit.challenge.errors import KitError
from participant_kit.challenge.folder import CARD, SAMPLE
from participant_kit.participant.codabench import messages, records
from participant_kit.participant.codabench.address import page_of
from participant_kit.participant.codabench.connection import (
    LOGIN,
    NOT_ADMITTED,
    CodabenchConnection,
    Storage,
    storage_of,
)
from participant_kit.participant.codabench.pack import Packed, pack
from participant_kit.participant.codabench.place import LINK, Place, check_folder, remember
from participant_kit.participant.codabench.records import Record
from participant_kit.participant.codabench.submission import CodabenchStatus, CodabenchSubmission, score_name, status_of
from participant_kit.participant.credentials import load_codabench, save_codabench
from participant_kit.participant.errors import ParticipantError
from participant_kit.participant.home import write_whole
from participant_kit.participant.kit import LINK as KIT_LINK
from participant_kit.participant.kit import Tell
from participant_kit.participant.leaderboard import Leaderboard
from participant_kit.participant.login import Login
from participant_kit.protocol.errors import GatewayError
from participant_kit.protocol.identifiers import new_identifier
from participant_kit.protocol.kit import MAX_KIT_BYTES, unpack
from participant_kit.protocol.messages import Account, LeaderboardRow, Quota
from participant_kit.protocol.messages import Leaderboard as Board

LOOKS = 3
"""How often it is looked whether a submission arrived that got no answer, a second apart."""


class CodabenchClient:
    """One Codabench server, as one user; ``competition`` is the number of the one that is meant.

    Its nouns and verbs are those of :class:`~participant_kit.participant.client.Client`. What differs: nothing is
    sealed or signed, and what is shown of a run is the organizer's choice. Every method raises a
    :class:`~participant_kit.challenge.errors.KitError`.
    """

    def __init__(self, server: str, competition: int | None = None, *, retries: int = 4, backoff: float = 0.4) -> None:
        self._options: dict[str, Any] = {"retries": retries, "backoff": backoff}
        self._connection = CodabenchConnection(server, **self._options)
        self._name: str | None = None
        if kept := load_codabench(self._connection.gateway):
            token, self._name = kept
            self._connection = CodabenchConnection(server, token, **self._options)
        self._competition = competition

    @property
    def gateway(self) -> str:
        """The server's address."""
        return self._connection.gateway

    @property
    def connection(self) -> CodabenchConnection:
        """What its requests go over."""
        return self._connection

    def me(self) -> Account:
        """Who the token belongs to."""
        self._connection.require_token()
        return Account(name=self._connection.get("/my_profile/", messages.Profile).username, role="participant")

    def competitions(self) -> list[messages.Listed]:
        """The competitions and benchmarks in which one takes part."""
        self._connection.require_token()
        return self._connection.get("/competitions/", list[messages.Listed], participating_in="true", type="any")

    def competition(self, challenge: str | int | None = None) -> messages.Competition:
        """One competition, with its phases and what you have used of them."""
        return self._connection.get(f"/competitions/{self._number(challenge)}/", messages.Competition)

    def join(self, challenge: str | int, folder: Path | str | None = None, progress: Tell | None = None) -> Place:
        """Fetch a competition's starting kit and public data into ``folder``, or bring what is there up to date.

        The kit's files go into the folder itself, the data into ``public_data``, or into ``sample_data`` where the kit
        is of a challenge of ours, whose notebooks look for it there. Notebooks that differ are kept.
        """
        tell = progress or (lambda line: None)
        number = self._number(challenge)
        found = self.competition(number)
        root = Path(folder or f"codabench-{number}").expanduser().absolute()
        check_folder(root, self.gateway, number)
        phase = _shown_phase(found)
        files: dict[str, bytes] = {}
        for data in filter(None, (phase.starting_kit, phase.public_data)):
            tell(f"Downloading {data.name or data.key}")
            where = "" if data is phase.starting_kit else f"{SAMPLE}/" if CARD in files else "public_data/"
            files |= {where + name: one for name, one in unpack(self._download(data), folders=True).items()}
        place = remember(Place(server=self.gateway, competition=number, title=found.title), root)
        for name, one in files.items():
            path = root / name
            if path.name.casefold() in (LINK, KIT_LINK):
                continue  # they say where a folder came from, which is not the organizer's to say
            if path.suffix == ".ipynb" and path.exists() and path.read_bytes() != one:
                tell(f"Kept your {name}")
            else:
                write_whole(path, one, private=False)
        return place

    def submit(
        self,
        path: Path | str,
        *,
        challenge: str | int | None = None,
        phase: str | None = None,
        name: str = "",
        note: str = "",
    ) -> CodabenchSubmission:
        """Pack and send the notebook (or the folder of result files) at ``path``.

        It is written down before it is sent: when no answer comes, or this process ends in between, calling this
        again for the same file continues the same submission.
        """
        path = Path(path).absolute()
        return self._submit(path, path, self._number(challenge), phase, name, note)

    def submit_again(self, identifier: str) -> CodabenchSubmission:
        """Send the notebook of an earlier submission from this machine once more, to the phase that is open."""
        record, kept = records.sent_from_here(self.gateway, _int(identifier))
        return self._submit(kept, record.path, record.competition, None, record.name, record.note)

    def submission(self, identifier: str) -> CodabenchSubmission:
        """The submission with that number."""
        self._connection.require_token()
        found = self._connection.get(f"/submissions/{_int(identifier)}/", messages.Submission)
        record = records.find_record(self.gateway, found.id)
        competition = record.competition if record else self._number(None)
        held = CodabenchSubmission(self._connection, status_of(found, competition))
        return held.refresh() if found.has_children else held

    def submissions(
        self, challenge: str | None = None, before: dict[str, CodabenchStatus] | None = None
    ) -> list[CodabenchSubmission]:
        """Your own submissions to a competition. ``before`` is what was known of them, for their versions."""
        number = self._number(challenge)
        mine = self._mine(number)
        before = before or {}
        return [
            CodabenchSubmission(self._connection, status_of(one, number, mine, before.get(str(one.id))))
            for one in reversed(mine)
            if one.parent is None
        ]

    def leaderboard(
        self,
        challenge: str | None = None,
        phase: str | None = None,
        *,
        offset: int | None = None,
        limit: int | None = None,
    ) -> Leaderboard:
        """The leaderboard of ``phase`` (the open one if left out): for each participant the row that stands highest."""
        competition = self.competition(challenge)
        chosen = _shown_phase(competition, phase)
        found = self._connection.get(f"/phases/{chosen.id}/get_leaderboard/", messages.Leaderboard)
        tasks = {task.id: task for task in found.tasks}
        several = len(tasks) > 1
        columns = {column.index: column for task in found.tasks for column in task.columns}
        primary = columns.get(found.primary_index) or next(iter(columns.values()), None)  # that one may be hidden
        first = found.tasks[0] if several else None
        mine = self._ids(competition.id) if self._connection.has_token else {}
        rows: dict[str, LeaderboardRow] = {}
        for row in found.submissions:
            owner = mine.get(row.id, row.owner)  # who has a display name is shown under that
            if before := rows.get(owner):
                rows[owner] = before.model_copy(update={"submissions": before.submissions + 1})
                continue
            rows[owner] = LeaderboardRow(
                rank=len(rows) + 1,
                participant=owner,
                scores={
                    score_name(score.column_key, tasks.get(score.task_id or 0) if several else None): float(score.score)
                    for score in row.scores
                },
                submitted_at=row.created_when,
                submissions=1,
            )
        start = offset or 0
        board = Board(
            challenge=str(competition.id),
            phase=chosen.name,
            primary=score_name(primary.key, first) if primary else "",
            higher_is_better=primary is None or primary.sorting == "desc",
            hidden=False,
            participants=len(rows),
            rows=list(rows.values())[start : start + (limit or 100)],
        )
        return Leaderboard.of(board, self, {"offset": offset, "limit": limit})

    def quota(self, challenge: str | None = None, phase: str | None = None) -> Quota:
        """What you have used of ``phase``; failed submissions are not counted over there."""
        competition = self.competition(challenge)
        chosen = _shown_phase(competition, phase)
        return quota_of(chosen)

    def columns(self, competition: messages.Competition) -> list[tuple[str, messages.Column, bool]]:
        """The leaderboard's columns, for each task of the phase: what its scores are called, and whether it ranks."""
        phase = _shown_phase(competition)
        found = self._connection.get(f"/phases/{phase.id}/get_leaderboard/", messages.Leaderboard)
        several = len(found.tasks) > 1
        columns = [(task, column) for task in found.tasks for column in task.columns]
        return [
            (
                score_name(column.key, task if several else None),
                column,
                column.index == found.primary_index and task is found.tasks[0],
            )
            for task, column in columns
        ]

    def open_phase(self, competition: messages.Competition, named: str | None = None) -> messages.Phase:
        """The phase to submit to. Raises :class:`ParticipantError`: the server itself would take it at any time."""
        phase = _phase_named(competition, named) if named else _open_phase(competition)
        if phase and phase.is_open:
            return phase
        coming = min(
            (one for one in competition.phases if one.status == "Next"), key=lambda one: one.start, default=None
        )
        hint = f"{coming.name} opens at {coming.start:%Y-%m-%d %H:%M} UTC." if coming else "All phases are over."
        what = f"The phase {phase.name!r} of" if phase else "No phase of"
        is_not = "is not open" if phase else "is open"
        raise ParticipantError(f"{what} {competition.title!r} {is_not}.", hint=hint, code="phase_closed")

    def check_permission(self, phase: messages.Phase, competition: messages.Competition) -> None:
        """Raise :class:`ParticipantError` when the server would take no submission to ``phase`` from you now."""
        permission = self._connection.get(f"/can_make_submission/{phase.id}/", messages.Permission)
        if permission.can:
            return
        reason = permission.reason or "it gives no reason"
        if competition.participant_status != "approved":
            status = competition.participant_status or "not registered"
            raise ParticipantError(
                f"You may not submit to {competition.title!r} (you are {status}): {reason}.",
                hint=f"Register, and wait for approval, at {page_of(self.gateway, competition.id)}",
                code=NOT_ADMITTED,
            )
        raise ParticipantError(
            f"The Codabench server takes no submission now: {reason}.",
            hint="Counts of a day begin anew at midnight, by the server's clock; failed submissions are not counted.",
            code="quota_spent",
        )

    def cancel(self, identifier: str) -> CodabenchSubmission:
        """Take a submission back."""
        return self.submission(identifier).cancel()

    def _submit(
        self, content: Path, path: Path, number: int, phase: str | None, name: str, note: str
    ) -> CodabenchSubmission:
        self._connection.require_token()
        packed = pack(content)
        competition = self.competition(number)
        chosen = self.open_phase(competition, phase)
        new = Record(
            id=new_identifier(),
            server=self.gateway,
            competition=number,
            phase=chosen.id,
            participant=self._me(),
            path=path,
            sha256=packed.sha256,
            created_at=datetime.now(UTC),
            name=name,
            note=note,
        )
        sent = self._send(new, packed, competition, chosen)
        assert sent.number is not None  # noqa: S101 - _send returns what has arrived
        first = messages.Submission(
            id=sent.number,
            phase=chosen.id,
            phase_name=chosen.name,
            owner=sent.participant,
            status="Submitting",
            created_when=sent.created_at,
        )
        return CodabenchSubmission(self._connection, status_of(first, number))

    def _send(self, new: Record, packed: Packed, competition: messages.Competition, chosen: messages.Phase) -> Record:
        """Bring it there, from wherever an earlier try has ended."""
        record = records.find_unanswered(new)
        if record and (number := self._arrived(record)):
            return records.update(record, number=number)
        self.check_permission(chosen, competition)
        record = record or records.keep(new, packed.notebook)
        try:
            if record.dataset is None:
                record = records.update(record, dataset=self._upload(record, packed.content))
            body = messages.NewSubmission(data=record.dataset or "", phase=record.phase)
            created = self._connection.post("/submissions/", messages.Created, body)
        except GatewayError as error:
            if error.code == LOGIN:
                raise  # after the next login it goes on from here
            if error.is_refusal:
                with suppress(KitError):
                    self._drop_data(record)
                records.forget(record)
                raise
            with suppress(GatewayError):
                if number := self._arrived(record, LOOKS):
                    return records.update(record, number=number)
            raise GatewayError(
                f"{error.message} Whether the submission arrived is not known.",
                hint=f"{error.hint} The same file sent again continues this submission: it counts once.",
                code=error.code,
                status=error.status,
            ) from None
        return records.update(record, number=created.id)

    def _upload(self, record: Record, content: bytes) -> str:
        """Make the data set and put its file there; returns its key."""
        self._drop_data(record)  # of a try that broke off: its signed address is known to nobody any more
        body = messages.NewData(
            competition=record.competition,
            name=record.title,
            request_sassy_file_name=record.file_name,
            file_name=record.file_name,
            file_size=len(content),
        )
        upload = self._connection.post("/datasets/", messages.Upload, body)
        storage, path = storage_of(upload.sassy_url, **self._options)
        storage.upload(path, content)
        self._connection.put_nothing(f"/datasets/completed/{upload.key}/", dict[str, object])
        return upload.key

    def _drop_data(self, record: Record) -> None:
        page = self._connection.get("/datasets/", messages.DataPage, _type="submission", name=record.title)
        for data in page.results:
            if data.name == record.title:
                self._connection.delete(f"/datasets/{data.id}/")

    def _arrived(self, record: Record, looks: int = 1) -> int | None:
        """The number of the submission of ``record``, if the server has it."""
        if record.dataset is None:
            return None
        for look in range(looks):
            if look:
                time.sleep(1)
            found = self._connection.get(
                "/submissions/", list[messages.Submission], phase=record.phase, search=record.file_name
            )
            for one in found:
                if one.parent is None and one.owner == record.participant and one.filename == record.file_name:
                    return one.id
        return None

    def _download(self, data: messages.File) -> bytes:
        site = Storage(self.gateway, **self._options)
        storage, path = storage_of(site.redirect(f"/datasets/download/{data.key}/"), **self._options)
        return storage.download(path, limit=MAX_KIT_BYTES)

    def _mine(self, number: int) -> list[messages.Submission]:
        """Your submissions to a competition and their runs; an organizer is shown those of everybody."""
        self._connection.require_token()
        found = self._connection.get("/submissions/", list[messages.Submission], phase__competition=number)
        me = self._me()
        return [one for one in found if one.owner == me]

    def _ids(self, number: int) -> dict[int, str]:
        return {one.id: one.owner for one in self._mine(number)}

    def _me(self) -> str:
        if self._name is None:
            self._name = self.me().name
        return self._name

    def _number(self, challenge: str | int | None) -> int:
        number = challenge if challenge is not None else self._competition
        if number is None or not str(number).isdecimal():
            raise ParticipantError(
                "No competition is known here." if number is None else f"{number!r} is no number of a competition.",
                hint="Work in its folder (pkit join --codabench makes it), or give its address with --challenge.",
                code="no_kit",
            )
        return int(number)


def login(server: str, username: str, password: str) -> Login:
    """Change a user's password for a token, which is kept; the password is not.

    It is shown only to what answers as a Codabench server does. Raises a
    :class:`~participant_kit.challenge.errors.KitError`; then nothing was kept.
    """
    connection = CodabenchConnection(server)
    connection.get("/competitions/public/", messages.Page, page_size=1)
    try:
        body = messages.Credentials(username=username, password=password)
        token = connection.post("/api-token-auth/", messages.Token, body).token
    except GatewayError as error:
        if error.status != 400:
            raise
        raise ParticipantError(
            f"{connection.gateway} does not know this user name and password.",
            hint="Try again. Who signs in there through another site needs a password set on the profile's page.",
            code="login",
        ) from None
    return login_with_token(server, token)


def login_with_token(server: str, token: str) -> Login:
    """Try a token that one has from elsewhere, and keep it."""
    connection = CodabenchConnection(server, token)
    connection.get("/competitions/public/", messages.Page, page_size=1)
    name = connection.get("/my_profile/", messages.Profile).username
    kept_in = save_codabench(connection.gateway, token.strip(), name)
    return Login(connection.gateway, name, "participant", kept_in)


def client_at(place: Place) -> CodabenchClient:
    """A client for the competition at ``place``."""
    return CodabenchClient(place.server, place.competition)


def quota_of(phase: messages.Phase) -> Quota:
    """What is used of ``phase``, as the server counts."""
    tomorrow = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    limited = phase.has_max_submissions
    return Quota(
        phase=phase.name,
        used_today=phase.used_submissions_per_day,
        per_day=(phase.max_submissions_per_day or None) if limited else None,
        used_total=phase.used_submissions_per_person,
        total=(phase.max_submissions_per_person or None) if limited else None,
        resets_at=tomorrow,
    )


def _open_phase(competition: messages.Competition) -> messages.Phase | None:
    return next((phase for phase in competition.phases if phase.is_open), None)


def _shown_phase(competition: messages.Competition, named: str | None = None) -> messages.Phase:
    """The phase ``named``, else the open one, else the last that has begun."""
    if named:
        return _phase_named(competition, named)
    if phase := _open_phase(competition):
        return phase
    if not competition.phases:
        raise ParticipantError(f"{competition.title!r} has no phase.", hint="Ask its organizer.", code="phase_unknown")
    return ([phase for phase in competition.phases if phase.status != "Next"] or competition.phases)[-1]


def _phase_named(competition: messages.Competition, named: str) -> messages.Phase:
    for phase in competition.phases:
        if named in (phase.name, str(phase.id)):
            return phase
    known = ", ".join(repr(phase.name) for phase in competition.phases)
    raise ParticipantError(
        f"{competition.title!r} has no phase {named!r}.", hint=f"Known: {known}.", code="phase_unknown"
    )


def _int(identifier: str) -> int:
    if not identifier.isdecimal():
        raise ParticipantError(
            f"{identifier!r} is no number of a submission on a Codabench server.",
            hint="See them all with: pkit status",
            code="unknown_submission",
        )
    return int(identifier)
