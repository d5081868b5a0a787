"""Between the pages and the gateways: which challenges are watched, and who is told what."""

from __future__ import annotations

import threading
from collections.abc import Callable

from participant_kit.participant.codabench.place import joined
from participant_kit.participant.server.codabench import CodabenchWatch
from participant_kit.participant.server.files import Files
from participant_kit.participant.server.jobs import Jobs
from participant_kit.participant.server.messages import Event, SubmissionView
from participant_kit.participant.server.watch import Watch

Key = tuple[str, str]
"""A gateway and a challenge."""


class Broker:
    """Watches a challenge as long as a page shows it. Pages are told from other threads than their own."""

    def __init__(self, files: Files, *, wait: float, pause: float, linger: float) -> None:
        self.files = files
        self.jobs = Jobs(files, self._tell_all)
        self._wait, self._pause, self._linger = wait, pause, linger
        self._lock = threading.RLock()
        self._pages: dict[Callable[[Event], None], set[Key]] = {}
        self._watches: dict[Key, Watch] = {}

    def open(self, page: Callable[[Event], None]) -> None:
        """A page listens; it hears of every job from now on, and of those that run."""
        with self._lock:
            self._pages[page] = set()
        for job in self.jobs.all():
            page(Event(kind="job", job=job))

    def close(self, page: Callable[[Event], None]) -> None:
        """A page is gone; what only it watched is watched no more, unless the page comes back soon."""
        with self._lock:
            self._pages.pop(page, None)
        self._stop_later()

    def watch(self, page: Callable[[Event], None], keys: set[Key]) -> None:
        """A page shows the challenges ``keys``: it gets what is known of those that are new to it."""
        with self._lock:
            new = keys - self._pages[page]
            self._pages[page] = keys
            for key in keys:
                watch = self._watches.get(key)
                if watch is None or watch.is_stuck:
                    self._start(key)
                else:
                    watch.poke()
            greeting = [self._watches[key] for key in new]
        for watch in greeting:  # a watch tells while it holds its own lock: ours must not be held around that
            watch.greet(page)
        self._stop_later()

    def renew(self, gateway: str) -> None:
        """There is another token for ``gateway``: begin anew with what is watched there."""
        with self._lock:
            for key in [key for key in self._watches if key[0] == gateway]:
                self._start(key)

    def show(self, view: SubmissionView) -> None:
        """Tell every page what was just learnt of a submission."""
        with self._lock:
            watch = self._watches.get((view.gateway, view.challenge))
        if watch:
            watch.show(view)

    def stop(self) -> None:
        """End every watch."""
        with self._lock:
            self._pages.clear()
            self._stop_unwatched()

    def _start(self, key: Key) -> None:
        if old := self._watches.get(key):
            old.stop()
        kind = CodabenchWatch if joined(*key) else Watch
        self._watches[key] = kind(*key, self.files, self._tell_watchers, wait=self._wait, pause=self._pause)
        self._watches[key].start()

    def _stop_later(self) -> None:
        """End what nobody watches, in a while: a page that is reloaded finds everything as it was."""
        if self._linger > 0:
            timer = threading.Timer(self._linger, self._stop_unwatched)
            timer.daemon = True
            timer.start()
        else:
            self._stop_unwatched()

    def _stop_unwatched(self) -> None:
        with self._lock:
            for key in set(self._watches) - set[Key]().union(*self._pages.values()):
                self._watches.pop(key).stop()

    def _tell_watchers(self, event: Event) -> None:
        with self._lock:
            pages = [page for page, keys in self._pages.items() if (event.gateway, event.challenge) in keys]
        for page in pages:
            page(event)

    def _tell_all(self, event: Event) -> None:
        with self._lock:
            pages = list(self._pages)
        for page in pages:
            page(event)
