"""What the page can ask for. Every route needs the server's own login; those that change something, its XSRF token too.

The work is done in threads: a gateway that is slow keeps nothing else waiting.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from pydantic import BaseModel, TypeAdapter, ValidationError
from tornado import web

from participant_kit.challenge.alphabet import alphabet_of
from participant_kit.challenge.errors import KitError
from participant_kit.challenge.finding import Finding, FindingsError
from participant_kit.challenge.folder import ChallengeFolder, find_challenge
from participant_kit.participant.client import Client
from participant_kit.participant.codabench import records as codabench_records
from participant_kit.participant.codabench.client import CodabenchClient
from participant_kit.participant.codabench.place import Place, joined
from participant_kit.participant.codabench.submission import CodabenchSubmission
from participant_kit.participant.errors import ParticipantError
from participant_kit.participant.home import write_whole
from participant_kit.participant.kit import find_kit, read_link
from participant_kit.participant.login import login
from participant_kit.participant.records import find_record, sent_from_here
from participant_kit.participant.server.broker import Broker
from participant_kit.participant.server.checks import findings_of
from participant_kit.participant.server.codabench import (
    all_kits,
    ask_codabench,
    competition_findings,
    competition_kit,
    competition_preview,
    competition_submission_view,
    place_of,
)
from participant_kit.participant.server.events import AUTH_RESOURCE, EventsHandler
from participant_kit.participant.server.messages import (
    Board,
    Job,
    Join,
    Kit,
    Log,
    Login,
    NotebookAt,
    Offer,
    Opened,
    Preview,
    Problem,
    Send,
    SubmissionView,
    Who,
)
from participant_kit.participant.server.views import ask, board_view, kit_view, offer_view, phase_views, submission_view
from participant_kit.participant.server.watch import open_report
from participant_kit.participant.submission import Submission
from participant_kit.protocol.errors import GatewayError

T = TypeVar("T")
SENT = "submitted"
"""The folder of a kit into which notebooks are put that were sent."""

_sending: set[Path] = set()
_lock = threading.Lock()


class _Handler(APIHandler):
    """Answers with what a function returns, or with the problem that it meets."""

    auth_resource = AUTH_RESOURCE

    def initialize(self, broker: Broker) -> None:
        self.broker, self.files = broker, broker.files

    def body(self, kind: type[T]) -> T:
        """The request's body. Raises :class:`ParticipantError`, which quotes nothing of it."""
        try:
            return TypeAdapter(kind).validate_json(self.request.body)
        except ValidationError as error:
            wrong = ", ".join(_place(detail) for detail in error.errors())
            raise ParticipantError(f"The request is not what it should be: {wrong}.", code="request") from None

    def whole_number(self, name: str) -> int | None:
        """That of the query; None without it. Raises :class:`ParticipantError`."""
        given: str | None = self.get_query_argument(name, None)
        if given is None:
            return None
        if not re.fullmatch(r"[0-9]{1,9}", given):
            raise ParticipantError(f"The request is not what it should be: {name} is no whole number.", code="request")
        return int(given)

    async def answer(self, work: Callable[[], Any]) -> None:
        """Do ``work`` in a thread, and send what it returns."""
        try:
            found = await asyncio.to_thread(work)
        except KitError as error:
            self.set_status(_status(error))
            found = Problem.of(error)
        except OSError as error:
            self.set_status(500)
            message = f"{error.strerror or 'A file cannot be used'}."
            found = Problem(code="file", message=message, hint="Check the folder.")
        await self.finish(_json(found))

    def client_of(self, identifier: str) -> Client | CodabenchClient:
        """A client of the gateway that a submission was sent to; the page names it for one from elsewhere.

        On a Codabench server submissions have numbers, and the page names the competition too.
        """
        if identifier.isdecimal():
            return ask_codabench(self.place())
        record = find_record(identifier)
        gateway = record.gateway if record else self.get_query_argument("gateway", "")
        if not gateway:
            raise ParticipantError("This submission is not known here.", hint="Look again.", code="unknown_submission")
        return ask(gateway)

    def place(self) -> Place:
        """The competition that the page names. Raises :class:`ParticipantError`."""
        if place := joined(self.get_query_argument("gateway", ""), self.get_query_argument("challenge", "")):
            return place
        raise ParticipantError("This submission is not known here.", hint="Look again.", code="unknown_submission")

    def view_of(self, submission: Submission, client: Client | CodabenchClient) -> SubmissionView:
        """What is to be known of a submission, told to every page as well."""
        if isinstance(submission, CodabenchSubmission):
            view = competition_submission_view(submission, client.gateway, self.files)
            self.broker.show(view)
            return view
        report = open_report(submission) if submission.status.has_log else None
        view = submission_view(submission, client.gateway, self.files, verify=True, report=report)
        self.broker.show(view)
        return view


class KitsHandler(_Handler):
    """Kits on this machine."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Every kit that was joined."""
        await self.answer(lambda: all_kits(self.files))


class NotebookHandler(_Handler):
    """Which challenge a notebook belongs to."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """The kit around a notebook, or null."""

        def work() -> Kit | None:
            path = self.files.on_disk(self.body(NotebookAt).path)
            if place := place_of(path, None):
                return competition_kit(place, self.files)
            kit = find_challenge(path.parent)
            return kit_view(kit, self.files) if kit else None

        await self.answer(work)


class PreviewHandler(_Handler):
    """What is to be known before a notebook is sent."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """The findings of the check, and what is left of quota and budget."""

        def work() -> Preview:
            asked = self.body(NotebookAt)
            path = self.files.on_disk(asked.path)
            if place := place_of(path, asked.target):
                return competition_preview(path, place, self.files)
            kit, client = _kit_of(path)
            view = kit_view(kit, self.files)
            assert view is not None  # noqa: S101 - _kit_of has seen its link
            card = kit.card
            preview = Preview(
                kit=view,
                findings=findings_of(path, kit),
                phases=phase_views(card),
                most_bits=alphabet_of(card).bits,
                budget_bits=card.release.budget_bits,
            )
            try:
                info = client.challenge(card.slug)
                preview.phase, preview.phases = info.open_phase, phase_views(info.card)
                preview.quota = client.quota(card.slug, info.open_phase)
                client.check_kit(kit, info)
            except KitError as error:
                preview.problem = Problem.of(error)
            return preview

        await self.answer(work)


class SubmissionsHandler(_Handler):
    """New submissions."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Check, seal and send a notebook."""

        def work() -> SubmissionView:
            send = self.body(Send)
            path = self.files.on_disk(send.path)
            words: dict[str, Any] = {"phase": send.phase, "name": send.name.strip(), "note": send.note.strip()}
            if place := place_of(path, send.target):
                _check(competition_findings(path), send)
                with _one_at_a_time(path):
                    server = ask_codabench(place)
                    return self.view_of(server.submit(path, **words), server)
            kit, client = _kit_of(path)
            _check(findings_of(path, kit), send)
            with _one_at_a_time(path):
                submission = client.submit(path, challenge=kit.root, **words)
            view = submission_view(submission, client.gateway, self.files)
            self.broker.show(view)
            return view

        await self.answer(work)


class SubmissionHandler(_Handler):
    """One submission, and what can be done with it."""

    @web.authenticated
    @authorized
    async def get(self, identifier: str, what: str = "") -> None:
        """The submission itself, its rehearsal's log, or its receipt as it was signed."""

        def work() -> SubmissionView | Log | dict[str, Any]:
            client = self.client_of(identifier)
            submission = client.submission(identifier)
            match what:
                case "log":
                    report = submission.log()
                    return Log(title=_title(identifier), text=f"{report.log}\n{report.message}".strip())
                case "receipt":
                    submission.receipt()
                    return submission.envelope()
                case "":
                    return self.view_of(submission, client)
            raise web.HTTPError(404)

        await self.answer(work)

    @web.authenticated
    @authorized
    async def post(self, identifier: str, what: str = "") -> None:
        """Cancel it, send it again, or put the notebook where it can be opened."""

        def work() -> SubmissionView | Opened:
            match what:
                case "open":
                    return self._open(identifier)
                case "cancel":
                    client = self.client_of(identifier)
                    return self.view_of(client.cancel(identifier), client)
                case "again":
                    client = self.client_of(identifier)
                    return self.view_of(client.submit_again(identifier), client)
            raise web.HTTPError(404)

        await self.answer(work)

    def _open(self, identifier: str) -> Opened:
        if identifier.isdecimal():
            place = self.place()
            root, (sent, kept) = place.folder or Path(), codabench_records.sent_from_here(place.server, int(identifier))
            stem = sent.path.stem
        else:
            record, kept = sent_from_here(identifier)
            root, stem = find_kit(record.kit, record.challenge, record.gateway).root, record.path.stem
        target = root / SENT / f"{stem}-{identifier[-8:]}.ipynb"
        if not target.is_file() or target.read_bytes() != kept.read_bytes():
            write_whole(target, kept.read_bytes(), private=False)
            target.chmod(0o444)  # it is what was sent; a change to it would be lost on nobody's side
        shown = self.files.shown(target)
        if shown is None:
            raise ParticipantError(
                f"The kit in {root} is outside the folder that Jupyter shows.",
                hint="Start Jupyter in a folder above it.",
                code="outside",
            )
        return Opened(path=shown)


class LeaderboardHandler(_Handler):
    """Leaderboards of any phase."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """The board of one phase, of the open one unless it is named; ``limit`` rows of it from ``offset`` on."""
        gateway, challenge = self.get_query_argument("gateway"), self.get_query_argument("challenge")
        phase = self.get_query_argument("phase", None)

        def work() -> Board:
            rows = {"offset": self.whole_number("offset"), "limit": self.whole_number("limit")}
            if place := joined(gateway, challenge):
                server = ask_codabench(place)
                return board_view(server, challenge, phase, server.me().name, **rows)
            client = ask(gateway)
            return board_view(client, challenge, phase, _name(client), **rows)

        await self.answer(work)


class LoginHandler(_Handler):
    """Tokens come in here, and never leave again."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Whether there is a token for a gateway, and whose."""
        gateway = self.get_query_argument("gateway")

        def work() -> Who:
            client = ask(gateway)
            client.server()
            return Who(gateway=client.gateway, name=_name(client))

        await self.answer(work)

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Try a token, and keep it."""

        def work() -> Who:
            given = self.body(Login)
            done = login(given.gateway, given.token)
            self.broker.renew(done.gateway)
            return Who(gateway=done.gateway, name=done.name)

        await self.answer(work)


class ChallengesHandler(_Handler):
    """What a gateway offers."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Every challenge of one gateway."""
        gateway = self.get_query_argument("gateway")

        def work() -> list[Offer]:
            client = ask(gateway)
            return [offer_view(info, client.gateway, self.files) for info in client.challenges()]

        await self.answer(work)


class JoinsHandler(_Handler):
    """Kits to be fetched."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Begin to join a challenge."""

        def work() -> Job:
            join = self.body(Join)
            folder = self.files.on_disk(join.folder or join.challenge)
            return self.broker.jobs.join(ask(join.gateway), join.challenge, folder, join.checksum or None)

        await self.answer(work)


class RehearsalsHandler(_Handler):
    """Notebooks to be run on the sample, here."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Begin a rehearsal."""

        def work() -> Job:
            path = self.files.on_disk(self.body(NotebookAt).path)
            return self.broker.jobs.rehearse(path, find_kit(path.parent))

        await self.answer(work)


class JobHandler(_Handler):
    """Work that was begun."""

    @web.authenticated
    @authorized
    async def get(self, identifier: str) -> None:
        """How far it is."""
        await self.answer(lambda: self.broker.jobs.find(identifier))

    @web.authenticated
    @authorized
    async def delete(self, identifier: str) -> None:
        """Stop it."""
        await self.answer(lambda: self.broker.jobs.cancel(identifier))


_ID = r"([0-9a-f-]{36}|[0-9]{1,18})"
ROUTES: list[tuple[str, type[Any]]] = [
    ("kits", KitsHandler),
    ("notebook", NotebookHandler),
    ("preview", PreviewHandler),
    ("submissions", SubmissionsHandler),
    (f"submissions/{_ID}", SubmissionHandler),
    (f"submissions/{_ID}/([a-z]+)", SubmissionHandler),
    ("leaderboard", LeaderboardHandler),
    ("login", LoginHandler),
    ("challenges", ChallengesHandler),
    ("joins", JoinsHandler),
    ("rehearsals", RehearsalsHandler),
    (f"jobs/{_ID}", JobHandler),
    ("events", EventsHandler),
]
"""Paths below ``/participant-kit``."""


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Hold a notebook while it is sent: two tabs that send it at once would make two submissions of it."""
    path = path.resolve()
    with _lock:
        if path in _sending:
            raise ParticipantError(f"{path.name} is being sent already.", hint="See it in the panel.", code="sending")
        _sending.add(path)
    try:
        yield
    finally:
        with _lock:
            _sending.discard(path)


def _check(findings: list[Finding], send: Send) -> None:
    """Raise for mistakes, and for warnings that were not overridden."""
    if any(finding.level == "error" or not send.override for finding in findings):
        raise FindingsError(findings, hint="Correct these cells, then submit again.")


def _kit_of(path: Path) -> tuple[ChallengeFolder, Client]:
    """The kit around a notebook, and a client of the gateway that it came from."""
    kit = find_kit(path.parent)
    link = read_link(kit)
    if link is None:
        raise ParticipantError(
            f"{kit.root} was not joined through a gateway.",
            hint="Join the challenge from the launcher.",
            code="no_kit",
        )
    return kit, ask(link.gateway)


def _name(client: Client) -> str | None:
    """Who the token belongs to; None without one, or with one that is not taken."""
    if not client.connection.has_token:
        return None
    try:
        return client.me().name
    except GatewayError as error:
        if error.status == 401:
            return None
        raise


def _title(identifier: str) -> str:
    record = find_record(identifier)
    return (record.name or record.path.name) if record else identifier


def _status(error: KitError) -> int:
    """The page's status of an error: the gateway's own for a refusal, 502 when it gave no answer."""
    if isinstance(error, GatewayError):
        return 403 if error.status == 401 else error.status or 502  # 401 is for the login to Jupyter itself
    return 422


def _place(detail: Any) -> str:
    """Where a request is wrong, in words of ours: also the name of a key may be a token that was misplaced."""
    return "an unknown key" if detail["type"] == "extra_forbidden" else ".".join(map(str, detail["loc"])) or "body"


def _json(found: Any) -> str:
    if isinstance(found, BaseModel):
        return found.model_dump_json(exclude_none=True)
    if isinstance(found, list):
        return "[" + ",".join(item.model_dump_json(exclude_none=True) for item in found) + "]"
    return json.dumps(found)
