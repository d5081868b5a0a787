"""The way out: all that a runner ever says to the gateway. No other module of the secure side has a connection.

A blind runner says four things, and only the last depends on the data:

* a request for work: the runner's name, role and challenge, at a pace of its own clock while it has no work;
* a renewal of its lease: the gateway's own token, every third of the lease, whatever the work does;
* the return of a lease: the gateway's own token, when the operator stops it or a disk is full;
* a result: what the release gate made, which the egress log holds and the ledger has counted.

Whether and when it asks again after a run tells that the run has ended. A run ends by a result, at its tick; by the
participant's or the operator's will; or with the machine. The ledger counts a tick for each.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Protocol

from pydantic import BaseModel, RootModel

from participant_kit.protocol.connection import Connection
from participant_kit.protocol.errors import GatewayError
from participant_kit.protocol.messages import (
    BlindResult,
    Claim,
    ClaimRequest,
    Lease,
    LeaseToken,
    RehearsalResult,
)
from participant_kit.secure_side import watch
from participant_kit.secure_side.gate import Released, content_of

WAIT = 2.0
"""Seconds for which a claim waits at the gateway: short, because a runner that is told to stop waits for it."""

Say = Callable[[str], None]


class _Ends(Protocol):
    def wait(self, timeout: float | None = None) -> bool: ...


class Outlet:
    """What both roles say. ``gateway`` and ``token`` as for a :class:`Connection`; methods raise its errors."""

    def __init__(self, gateway: str, token: str) -> None:
        self._connection = Connection(gateway, token)

    def claim(self, request: ClaimRequest) -> Claim | None:
        """Ask for work."""
        watch.beat()
        began = time.monotonic()
        claim = self._connection.post("/claims", RootModel[Claim | None], request, wait=request.wait).root
        watch.count_wait(began, claim is not None)
        return claim

    def renew(self, submission: str, token: LeaseToken) -> Lease:
        """Keep a lease for another while."""
        watch.beat()
        lease = self._connection.post(f"/leases/{submission}/renew", Lease, token)
        watch.ANSWERED.set_to_current_time()
        return lease

    def give_back(self, submission: str, token: LeaseToken) -> None:
        """Return a lease."""
        self._connection.post(f"/leases/{submission}/return", type(None), token)

    def _deliver(self, path: str, body: BaseModel, ended: _Ends, say: Say) -> None:
        """Send ``body`` until the gateway has it or refuses it. Raises :class:`GatewayError` once ``ended`` is set."""
        pause = 0.1
        while True:
            try:
                self._connection.post(path, type(None), body)
                return
            except GatewayError as error:
                if error.is_refusal:
                    say(f"{path}: {error.message}")
                    return
                if ended.wait(pause):
                    raise
                pause = min(pause * 2, 5.0)


class BlindOutlet(Outlet):
    """The blind role sends what the release gate made, and has no word for anything else."""

    def send(self, released: Released, token: LeaseToken, ended: _Ends, say: Say) -> None:
        """Send one release. Raises ``TypeError`` for what is none."""
        submission, envelope = content_of(released)
        body = BlindResult(token=token.token, envelope=json.loads(envelope))
        self._deliver(f"/leases/{submission}/result", body, ended, say)
        watch.count_release(body.envelope)


class RehearsalOutlet(Outlet):
    """The rehearsal role sends whole logs, because it has never seen real data."""

    def report(self, submission: str, result: RehearsalResult, ended: _Ends, say: Say) -> None:
        """Send how a rehearsal ended."""
        self._deliver(f"/leases/{submission}/rehearsal", result, ended, say)
        watch.count_rehearsal(result.passed)
