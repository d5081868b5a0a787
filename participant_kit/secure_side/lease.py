"""A lease that is kept alive while the work goes on."""

from __future__ import annotations

import threading
import time

from participant_kit.protocol.errors import GatewayError
from participant_kit.protocol.messages import Claim, LeaseToken
from participant_kit.secure_side.outlet import Outlet


class HeldLease:
    """Renews the lease of ``claim`` in a thread, at a third of its length, whatever the work does.

    ``ended`` is set when it is lost or the participant has cancelled; then ``cancelled`` tells which. A gateway
    that cannot be reached is asked again, each second, until the lease has run out: then another runner has it,
    whatever this one still waits for. ``stop`` sets ``ended`` as well.
    """

    def __init__(self, outlet: Outlet, claim: Claim) -> None:
        self.ended = threading.Event()
        self.cancelled = False
        self._outlet, self._claim = outlet, claim
        self._released = threading.Event()
        self._expires = time.monotonic() + claim.lease.seconds
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._renew, self._watch)]

    @property
    def is_over(self) -> bool:
        """Whether it ended, or nothing is done with it any more."""
        return self.ended.is_set() or self._released.is_set()

    @property
    def token(self) -> LeaseToken:
        """What proves that the lease is ours."""
        return LeaseToken(token=self._claim.lease.token)

    def __enter__(self) -> HeldLease:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._released.set()
        for thread in self._threads:
            thread.join()

    def _renew(self) -> None:
        pace = pause = self._claim.lease.seconds / 3
        while not self._released.wait(pause) and not self.ended.is_set():
            try:
                lease = self._outlet.renew(self._claim.submission, self.token)
                self._expires, pause = time.monotonic() + lease.seconds, pace
            except GatewayError as error:
                if error.is_refusal:
                    self.cancelled = error.code == "cancelled"
                    self.ended.set()
                pause = min(1.0, pace)

    def _watch(self) -> None:
        """End it on time, also while a renewal hangs on a connection that is dead."""
        while not self._released.wait(max(0.0, self._expires - time.monotonic())):
            if time.monotonic() >= self._expires:
                self.ended.set()
                return
