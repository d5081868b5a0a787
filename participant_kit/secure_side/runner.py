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

from participant_kit.challenge.errors import KitError
from participant_kit.protocol.errors import GatewayError, ProtocolError
from participant_kit.protocol.keys import Role, SecretKeys
from participant_kit.protocol.messages import Claim, ClaimRequest, LeaseToken
from participant_kit.protocol.sealing import Binding, unseal_notebook
from participant_kit.protocol.spans import span
from participant_kit.secure_side.errors import SecureSideError
from participant_kit.secure_side.lease import HeldLease
from participant_kit.secure_side.machine import turn_of
from participant_kit.secure_side.outlet import WAIT, Outlet, Say

Later = Callable[[], bool]
"""What waits for a person, beside the next job; true when the job can then be begun anew."""


class Job(Protocol):
    """What one role does with one claimed notebook."""

    role: Role
    keys: SecretKeys

    def run(
        self, claim: Claim, binding: Binding, notebook: bytes | None, lease: HeldLease, started: float
    ) -> Later | None:
        """Run ``notebook`` (None when it cannot be unsealed or is not what the claim says) and deliver.

        ``started`` is the claim's time on the monotonic clock. Returns without delivering when ``lease`` ends, and
        what is left to do when that waits for a person.
        """
        ...


class Runner:
    """Claims and works until ``stopping`` is set, then gives its lease back.

    Once ``draining`` is set it claims no more, and ends what it runs; what waits for a person goes back.
    """

    def __init__(self, name: str, challenge: str, job: Job, outlet: Outlet, say: Say) -> None:
        self.stopping, self.draining = threading.Event(), threading.Event()
        self._name, self._challenge, self._job, self._outlet, self._say = name, challenge, job, outlet, say
        self._waiting: list[threading.Thread] = []

    def serve(self) -> None:
        """Work until told to stop. A gateway that is away is asked again, with growing pauses up to 10 s."""
        pause = 0.2
        while not self.stopping.is_set() and not self.draining.is_set():
            try:
                claim = self._claim()
                pause = 0.2
                if claim and self.draining.is_set():  # it was asked for before
                    self._outlet.give_back(claim.submission, LeaseToken(token=claim.lease.token))
                elif claim:
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
        self.stopping.set()  # for what waits for a person
        for thread in self._waiting:
            thread.join()

    def _claim(self) -> Claim | None:
        request = ClaimRequest(role=self._job.role, runner=self._name, challenges=[self._challenge], wait=WAIT)
        return self._outlet.claim(request)

    def work(self, claim: Claim) -> None:
        """Do one claimed submission. When it cannot be brought to an end here, the lease goes back."""
        self._say(f"{claim.submission} claimed, attempt {claim.lease.attempt}")
        with contextlib.ExitStack() as stack:
            lease = stack.enter_context(HeldLease(self._outlet, claim))
            stack.enter_context(self._stop_ends(lease))
            if later := self._begin(claim, lease):
                thread = threading.Thread(target=self._finish, args=(stack.pop_all(), later, claim, lease))
                self._waiting = [other for other in self._waiting if other.is_alive()] + [thread]
                thread.start()

    def _begin(self, claim: Claim, lease: HeldLease) -> Later | None:
        started = time.monotonic()
        said = span("claim", submission=claim.submission, attempt=claim.lease.attempt)
        with said, self._gives_back(claim, lease), turn_of(self._job.role):
            binding, notebook = self._unseal(claim)
            return self._job.run(claim, binding, notebook, lease, started)

    def _finish(self, stack: contextlib.ExitStack, later: Later, claim: Claim, lease: HeldLease) -> None:
        """Beside the next job: what waits for a person, with its lease."""
        try:
            with stack:
                waits: Later | None = later
                while waits:
                    with self._gives_back(claim, lease):
                        again = waits()
                    waits = self._begin(claim, lease) if again and not lease.ended.is_set() else None
        except Exception as error:  # as in serve
            self._say(str(error) if isinstance(error, KitError) else f"A fault ({type(error).__name__}) ended a wait.")

    @contextlib.contextmanager
    def _gives_back(self, claim: Claim, lease: HeldLease) -> Iterator[None]:
        try:
            yield
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
            binding, notebook = unseal_notebook(claim.sealed, *(keys.sealing for keys in self._job.keys.held))
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
            self._outlet.give_back(claim.submission, lease.token)
            self._say(f"{claim.submission} given back")
