"""The runner: claims sealed notebooks, runs several at once, and sends back what its role may send.

Both roles share this loop; :mod:`~participant_kit.secure_side.blind` and
:mod:`~participant_kit.secure_side.rehearsal` are what they do with one notebook.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from participant_kit.challenge.card import Limits
from participant_kit.protocol.errors import GatewayError, ProtocolError
from participant_kit.protocol.keys import Role, SecretKeys
from participant_kit.protocol.messages import Claim, ClaimRequest, LeaseToken
from participant_kit.protocol.sealing import Binding, unseal_notebook
from participant_kit.protocol.spans import span
from participant_kit.secure_side.errors import SecureSideError
from participant_kit.secure_side.lease import HeldLease
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

        Called by several threads at once, but for one submission by one. ``started`` is on the monotonic clock.
        Returns without delivering when ``lease`` ends, and what is left to do when that waits for a person.
        """
        ...


@dataclass(frozen=True)
class _AtWork:
    """A submission that a thread works on, or waits with."""

    lease: HeldLease
    over: threading.Event = field(default_factory=threading.Event)


class _Slots:
    """Room for ``free`` submissions that are worked on. Those claimed before come before new claims."""

    def __init__(self, free: int) -> None:
        self._free, self._claimed, self._changed = free, 0, threading.Condition()

    def take(self, given_up: threading.Event, *, claimed: bool = False) -> contextlib.ExitStack | None:
        """A slot, which is free again at the end of the stack; None once ``given_up`` is set."""
        with self._changed:
            self._claimed += claimed
            try:
                while not given_up.is_set():
                    if self._free > (0 if claimed else self._claimed):
                        self._free -= 1
                        stack = contextlib.ExitStack()
                        stack.callback(self._give)
                        return stack
                    self._changed.wait(0.1)
            finally:
                self._claimed -= claimed
        return None

    def _give(self) -> None:
        with self._changed:
            self._free += 1
            self._changed.notify_all()


class Runner:
    """Claims and works, on up to ``jobs`` submissions at once, until ``stopping`` is set; then gives its leases back.

    It asks for no submission whose challenge, as the gateway has it, promises more than the ``limits`` that it keeps.
    Each submission has a thread. It holds one of the slots while it works, and none while it waits for a person.
    Once ``draining`` is set it claims no more, and ends what it runs; what waits for a person goes back.
    Before it takes anything up, it makes sure by ``check`` that it still may; a :class:`ProtocolError` stops it.
    """

    def __init__(
        self,
        name: str,
        challenge: str,
        job: Job,
        outlet: Outlet,
        say: Say,
        jobs: int = 1,
        limits: Limits | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self.stopping, self.draining = threading.Event(), threading.Event()
        self._name, self._challenge, self._job, self._outlet, self._say = name, challenge, job, outlet, say
        self._jobs, self._slots, self._rest, self._limits = jobs, _Slots(jobs), 0.0, limits or Limits()
        self._check, self._threads = check, list[threading.Thread]()
        self._at_work: dict[str, _AtWork] = {}
        self._lock = threading.Lock()

    def serve(self) -> None:
        """Work until told to stop. A gateway that is away is asked again, with growing pauses up to 10 s."""
        pause = 0.2
        try:
            while slot := self._slots.take(self.stopping):
                with slot:
                    rest, self._rest = self._rest, 0.0
                    if self.stopping.wait(rest) or self.draining.is_set():
                        break
                    try:
                        claim = self._claim()
                        pause = 0.2
                    except GatewayError as error:
                        if error.is_refusal:
                            self.stopping.set()
                            raise
                        self._say(f"{error.message} Asking again in {pause:.1f} s.")
                        self.stopping.wait(pause)
                        pause = min(pause * 2, 10.0)
                        continue
                    except Exception as error:
                        self._say(_fault(error))
                        self.stopping.wait(1.0)
                        continue
                    try:
                        self._check()
                    except ProtocolError:
                        self.stopping.set()
                        if claim:
                            self._give_up(claim)
                        raise
                    if claim and self.draining.is_set():  # it was asked for before
                        self._give_up(claim)
                    elif claim:
                        self._start(claim, slot.pop_all())
            for _ in range(self._jobs):  # until nobody works
                self._slots.take(self.stopping)
            self.stopping.set()  # for what waits for a person
        finally:
            for thread in self._threads:
                thread.join()

    def _start(self, claim: Claim, slot: contextlib.ExitStack) -> None:
        def work() -> None:
            try:
                self.work(claim, slot)
            except (GatewayError, SecureSideError) as error:
                self._say(str(error))
            except Exception as error:  # the lease runs out, and counts as lost
                self._say(_fault(error))

        thread = threading.Thread(target=work, name=claim.submission)
        self._threads = [other for other in self._threads if other.is_alive()] + [thread]
        thread.start()

    def _give_up(self, claim: Claim) -> None:
        self._outlet.give_back(claim.submission, LeaseToken(token=claim.lease.token))

    def _claim(self) -> Claim | None:
        request = ClaimRequest(
            role=self._job.role,
            runner=self._name,
            challenges=[self._challenge],
            wait=WAIT,
            cpus=self._limits.cpus,  # these are the card's, and tell nothing of this machine
            memory=self._limits.memory,
            wall_time=self._limits.wall_time.total_seconds(),
            gpus=self._limits.gpus,
        )
        return self._outlet.claim(request)

    def work(self, claim: Claim, slot: contextlib.ExitStack | None = None) -> None:
        """Do one claimed submission to its end. When that cannot be reached here, the lease goes back."""
        self._say(f"{claim.submission} claimed, attempt {claim.lease.attempt}")
        with HeldLease(self._outlet, claim) as lease, self._stop_ends(lease), self._alone(claim, lease):
            while slot := slot or self._slots.take(lease.ended, claimed=True):
                with slot, self._gives_back(claim, lease):
                    binding, notebook = self._unseal(claim)
                    with span("claim", submission=claim.submission, attempt=claim.lease.attempt):
                        later = self._job.run(claim, binding, notebook, lease, time.monotonic())
                if later is None:
                    return
                with self._gives_back(claim, lease):
                    again = later()
                if not again:
                    return
                slot = None
            if self.stopping.is_set():
                self._give_back(claim, lease)

    @contextlib.contextmanager
    def _alone(self, claim: Claim, lease: HeldLease) -> Iterator[None]:
        """What is still done here for a former lease of the same submission ends first."""
        mine = _AtWork(lease)
        with self._lock:
            before, self._at_work[claim.submission] = self._at_work.get(claim.submission), mine
        try:
            if before:
                before.lease.ended.set()
                before.over.wait()
            yield
        finally:
            mine.over.set()
            with self._lock:
                if self._at_work[claim.submission] is mine:
                    del self._at_work[claim.submission]

    @contextlib.contextmanager
    def _gives_back(self, claim: Claim, lease: HeldLease) -> Iterator[None]:
        """Give the lease back where this runner is at fault, which then rests, and when it is told to stop."""
        try:
            yield
        except (GatewayError, SecureSideError) as error:
            self._rest = 5.0 if isinstance(error, SecureSideError) else 0.2
            self._give_back(claim, lease)
            raise
        except Exception:
            self._rest = 1.0
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


def _fault(error: Exception) -> str:
    """What may be said of ``error``, whose text may quote data."""
    return f"A fault of the runner itself ({type(error).__name__}) ended this work."
