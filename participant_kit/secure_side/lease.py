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
    that cannot be reached is asked again until the lease has run out. ``stop`` sets ``ended`` as well.
    """

    def __init__(self, outlet: Outlet, claim: Claim) -> None:
        self.ended = threading.Event()
        self.cancelled = False
        self._outlet, self._claim = outlet, claim
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._renew, daemon=True)

    @property
    def is_over(self) -> bool:
        """Whether it ended, or nothing is done with it any more."""
        return self.ended.is_set() or self._released.is_set()

    @property
    def token(self) -> LeaseToken:
        """What proves that the lease is ours."""
        return LeaseToken(token=self._claim.lease.token)

    def __enter__(self) -> HeldLease:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._released.set()
        self._thread.join()

    def _renew(self) -> None:
        seconds = self._claim.lease.seconds
        expires = time.monotonic() + seconds
        while not self._released.wait(seconds / 3):
            try:
                lease = self._outlet.renew(self._claim.submission, self.token)
                expires = time.monotonic() + lease.seconds
            except GatewayError as error:
                if error.is_refusal or time.monotonic() > expires:
                    self.cancelled = error.code == "cancelled"
                    self.ended.set()
                    return
