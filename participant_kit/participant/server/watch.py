"""Follows one challenge at its gateway, and tells the pages what changed.

One request waits at the gateway at a time, however many pages are open and however many submissions there are.
The gateway knows everything: after a restart the watch starts from nothing, and all is there again.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator

from participant_kit.challenge.errors import KitError
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.participant.client import Client
from participant_kit.participant.kit import find_kit
from participant_kit.participant.server.files import Files
from participant_kit.participant.server.messages import Board, ChallengeView, Event, Problem, SubmissionView
from participant_kit.participant.server.views import ask, board_view, challenge_view, submission_view
from participant_kit.participant.submission import Submission
from participant_kit.protocol.errors import GatewayError
from participant_kit.protocol.messages import Changes, RehearsalReport, SubmissionStatus

LOGS = 50
"""The newest failed rehearsals whose reports are fetched unasked, to say why they failed."""
CHUNK = 100
"""Submissions whose receipts are verified before the next look at what changed, and in one message to the page."""

_log = logging.getLogger(__name__)


class Watch(threading.Thread):
    """Follows ``challenge`` of ``gateway`` until :meth:`stop`; ``tell`` is called, from this thread, with what changed.

    ``wait`` is for how many seconds the gateway is asked to hold its answer, ``pause`` the longest time between two
    tries while it cannot be reached.
    """

    def __init__(
        self, gateway: str, challenge: str, files: Files, tell: Callable[[Event], None], *, wait: float, pause: float
    ) -> None:
        super().__init__(name=f"watch {challenge}", daemon=True)
        self.gateway, self.challenge = gateway, challenge
        self._files, self._tell, self._wait, self._pause = files, tell, wait, pause
        self._heard = time.time()
        self._awake = threading.Event()
        self._stopped = threading.Event()
        self._lock = threading.RLock()
        self._view: ChallengeView | None = None
        self._board: Board | None = None
        self._problem: Problem | None = None
        self._reported = False
        self._views: dict[str, SubmissionView] = {}
        self._known = False

    def stop(self) -> None:
        """Let it end; a request that waits is left to end by itself."""
        self._stopped.set()
        self._awake.set()

    def poke(self) -> None:
        """Try again now, where it waits before another try."""
        self._awake.set()

    @property
    def is_stuck(self) -> bool:
        """Whether nothing was heard for longer than any answer takes: the machine may have been asleep."""
        return time.time() - self._heard > 2 * self._wait + 30

    def greet(self, page: Callable[[Event], None]) -> None:
        """Tell a page that has just opened all that is known now; nothing else is told meanwhile."""
        with self._lock:
            if self._view:
                page(self._event(kind="challenge", view=self._view))
            if self._board:
                page(self._event(kind="board", board=self._board))
            if self._known:
                page(self._event(kind="submissions", submissions=list(self._views.values()), whole=True))
            page(self._event(kind="problem", problem=self._problem))

    def show(self, view: SubmissionView) -> None:
        """Take what was just learnt of one submission elsewhere, unless something newer is known."""
        with self._lock:
            known = self._views.get(view.id)
            if known is None or known.version <= view.version:
                self._views[view.id] = view
                self._say(kind="submissions", submissions=[view])

    def run(self) -> None:
        """Follow, and begin again after each error."""
        failures = 0
        while not self._stopped.is_set():
            try:
                for _ in self._follow():
                    failures = 0
            except KitError as error:
                self._report(Problem.of(error))
                passing = isinstance(error, GatewayError) and error.may_pass
                self._rest(min(self._pause, 0.5 * 2**failures) if passing else self._pause)
                failures += 1
            except Exception as error:  # a watch that ended in silence would look like one that waits
                _log.exception("Following %s of %s failed", self.challenge, self.gateway)
                self._report(Problem.unforeseen(error))
                self._rest(self._pause)

    def _rest(self, seconds: float) -> None:
        self._heard = time.time()
        self._awake.wait(seconds)
        self._awake.clear()

    def _follow(self) -> Iterator[None]:
        client, kit = ask(self.gateway), find_kit(self._files.root, self.challenge, self.gateway)
        me = client.me().name
        after, tag = 0, ""
        unexplained: dict[str, Submission] = {}
        while not self._stopped.is_set():
            wait = 0 if unexplained else self._wait
            changes = client.changes(self.challenge, after, tag, wait=wait) if tag else self._everything(client)
            if self._stopped.is_set():
                return
            self._heard = time.time()
            first, moved = not tag, changes.tag != tag
            submissions = [Submission(client.connection, status) for status in changes.submissions]
            self._take(submissions, whole=first)
            if moved or changes.revision > after:
                self._look_around(client, kit, me)
            self._report(None)
            after, tag = changes.revision, changes.tag
            unexplained |= self._unexplained(submissions)
            self._explain(unexplained)
            yield

    def _everything(self, client: Client) -> Changes:
        """All that there is, which the gateway gives in pages."""
        after = -1
        found: dict[str, SubmissionStatus] = {}
        while (changes := client.changes(self.challenge, max(after, 0))).revision > after:
            after = changes.revision
            found |= {status.id: status for status in changes.submissions}
        return changes.model_copy(update={"submissions": list(found.values())})

    def _take(self, submissions: list[Submission], *, whole: bool) -> None:
        """Show the states at once; scores follow when their receipts are verified."""
        with self._lock:
            known = {} if whole else self._views
            fresh = []
            for submission in submissions:
                before = self._views.get(submission.id)
                view = submission_view(submission, self.gateway, self._files)
                if before and before.version == view.version:
                    view = before.model_copy(update={"queue_position": view.queue_position})
                fresh.append(view)
            self._views = known | {view.id: view for view in fresh}
            self._known = True
            if fresh or whole:
                self._say(kind="submissions", submissions=fresh, whole=whole)

    def _unexplained(self, submissions: list[Submission]) -> dict[str, Submission]:
        """Those whose receipt is to be verified, and the newest whose rehearsal's report is to be opened."""
        waiting = [own for own in submissions if not self._views[own.id].verified and not self._views[own.id].problem]
        signed = [own for own in waiting if own.has_receipt or own.status.scores is not None]
        logs = sorted((own for own in waiting if own.status.has_log), key=lambda own: own.id)[-LOGS:]
        return {own.id: own for own in (*signed, *logs)}

    def _explain(self, unexplained: dict[str, Submission]) -> None:
        """Take the newest out of ``unexplained`` and tell what their receipts and reports say."""
        done: list[SubmissionView] = []
        try:
            for identifier in sorted(unexplained, reverse=True)[:CHUNK]:
                submission = unexplained.pop(identifier)
                report = open_report(submission) if submission.status.has_log else None
                if submission.has_receipt or submission.status.scores is not None or report:
                    done.append(submission_view(submission, self.gateway, self._files, verify=True, report=report))
        finally:
            self._put(done)

    def _put(self, views: list[SubmissionView]) -> None:
        with self._lock:
            fresh = [view for view in views if self._views[view.id].version <= view.version]
            self._views |= {view.id: view for view in fresh}
            if fresh:
                self._say(kind="submissions", submissions=fresh)

    def _look_around(self, client: Client, kit: ChallengeFolder, me: str) -> None:
        info = client.challenge(self.challenge)
        view = challenge_view(client, kit, info, me, self._files)
        board = board_view(client, self.challenge, info.open_phase, me)
        with self._lock:
            self._view = view
            self._say(kind="challenge", view=view)
            if board != self._board:
                self._board = board
                self._say(kind="board", board=board)

    def _report(self, problem: Problem | None) -> None:
        with self._lock:
            if problem != self._problem or not self._reported:  # pages may still show that of the watch before
                self._problem, self._reported = problem, True
                self._say(kind="problem", problem=problem)

    def _say(self, **values: object) -> None:
        if not self._stopped.is_set():
            self._tell(self._event(**values))

    def _event(self, **values: object) -> Event:
        return Event(gateway=self.gateway, challenge=self.challenge, **values)


def open_report(submission: Submission) -> RehearsalReport | None:
    """The report of a failed rehearsal; None when it was sealed to another machine, or cannot be had now."""
    with contextlib.suppress(KitError, ValueError):
        return submission.log()
    return None
