"""The runner: claims a sealed notebook, runs it, and sends back what its role may send.

Both roles share this loop; :mod:`~participant_kit.secure_side.blind` and
:mod:`~participant_kit.secure_side.rehearsal` are what they do with one notebook.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from pydantic import BaseModel, RootModel

from participant_kit.protocol.connection import Connection
from participant_kit.protocol.errors import GatewayError, ProtocolError
from participant_kit.protocol.keys import Role, SecretKeys
from participant_kit.protocol.messages import Claim, ClaimRequest
from participant_kit.protocol.sealing import Binding, unseal_notebook
from participant_kit.secure_side.errors import SecureSideError
from participant_kit.secure_side.lease import HeldLease
from participant_kit.secure_side.machine import turn_of

WAIT = 2.0
"""Seconds for which a claim waits at the gateway: short, because a runner that is told to stop waits for it."""

Say = Callable[[str], None]


class Job(Protocol):
    """What one role does with one claimed notebook."""

    role: Role
    keys: SecretKeys

    def run(self, claim: Claim, binding: Binding, notebook: bytes | None, lease: HeldLease, started: float) -> None:
        """Run ``notebook`` (None when it cannot be unsealed or is not what the claim says) and deliver.

        ``started`` is the claim's time on the monotonic clock. Returns without delivering when ``lease`` ends.
        """
        ...


class Runner:
    """Claims and works until ``stopping`` is set, then gives its lease back."""

    def __init__(
        self, name: str, challenge: str, job: Job, connection: Connection, claims: Connection, say: Say
    ) -> None:
        self.stopping = threading.Event()
        self._name, self._challenge, self._job, self._say = name, challenge, job, say
        self._connection, self._claims = connection, claims

    def serve(self) -> None:
        """Work until told to stop. A gateway that is away is asked again, with growing pauses up to 10 s."""
        pause = 0.2
        while not self.stopping.is_set():
            try:
                claim = self._claim()
                pause = 0.2
                if claim:
                    self.work(claim)
            except GatewayError as error:
                if error.is_refusal:
                    raise
                self._say(f"{error.message} Asking again in {pause:.1f} s.")
                self.stopping.wait(pause)
                pause = min(pause * 2, 10.0)
            except SecureSideError as error:
                self._say(str(error))
                self.stopping.wait(5.0)
            except Exception as error:  # its text may quote data; the lease runs out, and counts as lost
                self._say(f"A fault of the runner itself ({type(error).__name__}) ended this work.")
                self.stopping.wait(1.0)

    def _claim(self) -> Claim | None:
        request = ClaimRequest(role=self._job.role, runner=self._name, challenges=[self._challenge], wait=WAIT)
        return self._claims.post("/claims", RootModel[Claim | None], request, wait=WAIT).root

    def work(self, claim: Claim) -> None:
        """Do one claimed submission. When it cannot be brought to an end here, the lease goes back."""
        started = time.monotonic()
        self._say(f"{claim.submission} claimed, attempt {claim.lease.attempt}")
        with HeldLease(self._connection, claim) as lease, self._stop_ends(lease):
            try:
                with turn_of(self._job.role):
                    binding, notebook = self._unseal(claim)
                    self._job.run(claim, binding, notebook, lease, started)
            except (GatewayError, SecureSideError):
                self._give_back(claim, lease)
                raise
            if self.stopping.is_set() and lease.ended.is_set():
                self._give_back(claim, lease)

    def _unseal(self, claim: Claim) -> tuple[Binding, bytes | None]:
        """The notebook, when it was sealed to us for exactly this submission."""
        said = Binding(
            challenge=claim.challenge,
            phase=claim.phase,
            participant=claim.participant,
            submission=claim.submission,
            reply_to="",
            notebook_sha256="0" * 64,
        )
        try:
            binding, notebook = unseal_notebook(claim.sealed, self._job.keys.sealing)
        except ProtocolError:
            return said, None
        ours = ("challenge", "phase", "participant", "submission")
        if claim.challenge != self._challenge or any(getattr(binding, key) != getattr(said, key) for key in ours):
            return said, None
        return binding, notebook

    @contextlib.contextmanager
    def _stop_ends(self, lease: HeldLease) -> Iterator[None]:
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.1):
                if self.stopping.is_set():
                    lease.ended.set()
                    return

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _give_back(self, claim: Claim, lease: HeldLease) -> None:
        with contextlib.suppress(GatewayError):
            self._connection.post(f"/leases/{claim.submission}/return", type(None), lease.token)
            self._say(f"{claim.submission} given back")


def deliver(connection: Connection, path: str, body: BaseModel, lease: HeldLease, say: Say) -> None:
    """Send ``body`` until the gateway has it, or the lease is over. Raises nothing of the network."""
    pause = 0.1
    while True:
        try:
            connection.post(path, type(None), body)
            return
        except GatewayError as error:
            if error.is_refusal:
                say(f"{path}: {error.message}")
                return
            if lease.ended.wait(pause):
                raise
            pause = min(pause * 2, 5.0)
