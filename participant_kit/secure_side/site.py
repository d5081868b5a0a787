"""Workers on other machines, through Dask: a scheduler and workers of the operator's, or of a queueing system.

All of it is inside the secure side. A worker has the challenge's folder and holds neither keys nor a way to the
gateway; what came of an order goes back to the runner, whose gate alone lets anything out. Dask's messages are
pickled, so who may speak to the scheduler may do all that the runner may: between machines only TLS with certificates
is taken, and nothing of Dask but that may listen to other machines.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError, Future, wait
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil  # type: ignore[import-untyped]
from distributed import Client, Scheduler, Security, Worker, get_worker

from participant_kit.challenge.card import Limits
from participant_kit.challenge.errors import KitError
from participant_kit.secure_side.errors import SecureSideError
from participant_kit.secure_side.outlet import Say
from participant_kit.secure_side.workplace import STOPPED, Done, Facts, Order, Place, Workplace

_LOOK = 0.2
"""Seconds between two looks whether an order is still wanted, or done."""


@dataclass(frozen=True)
class Site:
    """Where the scheduler is, and the files (PEM) by which it, the runner and the workers know one another."""

    scheduler: str
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None

    def security(self) -> Security | None:
        """How to speak to the scheduler. Raises :class:`SecureSideError` unless other machines are spoken to by TLS."""
        address, files = urlsplit(self.scheduler), (self.tls_ca, self.tls_cert, self.tls_key)
        if address.scheme not in ("tcp", "tls") or not address.hostname:
            raise SecureSideError(
                f"{self.scheduler!r} is no scheduler's address.", hint="Expected tls://HOST:8786, as it prints."
            )
        if address.scheme == "tcp":
            if not _is_loopback(address.hostname):
                raise SecureSideError(
                    f"{self.scheduler} is another machine without TLS: notebooks and predictions would cross the "
                    "network in the clear, and anybody there could give the workers orders.",
                    hint="Start scheduler and workers with --protocol tls and certificates; give tls://... and "
                    "--tls-ca, --tls-cert, --tls-key here.",
                )
            return None
        missing = [str(file) for file in files if file is None or not file.is_file()]
        if missing:
            raise SecureSideError(
                f"{self.scheduler} needs --tls-ca, --tls-cert and --tls-key; not there: {', '.join(missing)}.",
                hint="Give the PEM files with which scheduler and workers were started.",
            )
        ca, cert, key = map(str, files)
        return Security(tls_ca_file=ca, tls_client_cert=cert, tls_client_key=key, require_encryption=True)


@dataclass(frozen=True)
class Refusal:
    """Why a worker did not do an order; our own words. It has left the scheduler by then."""

    worker: str
    message: str


class DaskWorkers:
    """Does orders on the workers of a scheduler, which make themselves ready as ``place`` says and agree on ``facts``.

    What a job needs (:func:`needs_of`) is asked for as Dask's resources. Whatever is killed, an order is done again
    until it is done or not wanted any more; that each submission has one result is the gate's work.
    """

    def __init__(
        self,
        address: str,
        security: Security | None,
        place: Place,
        facts: Facts,
        limits: Limits,
        jobs: int,
        say: Say,
    ) -> None:
        self._address, self._security, self._needs = address, security, needs_of(limits)
        self._place, self._facts, self._say = place, facts, say
        for name in ("distributed", "distributed.client"):  # this says itself what an operator has to know
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._lock = threading.Lock()
        self._connected: Client | None = None
        try:
            client = self._client(threading.Event())
            self.jobs = jobs or max(1, self._room(client))
            self._try_out(client)
        except OSError as error:
            self.close()
            raise SecureSideError(
                f"No scheduler answers at {address} ({type(error).__name__}).",
                hint="Start it with: dask scheduler --dashboard-address 127.0.0.1:8787",
            ) from None
        except BaseException:
            self.close()
            raise

    def do(self, order: Order, cancelled: threading.Event) -> Done:
        """See :class:`~participant_kit.secure_side.workers.Workers`. Sandboxes end soon after this has returned."""
        best = order.best.read_bytes() if order.best else None
        while not cancelled.is_set():
            try:
                client = self._client(cancelled)
                executor = client.get_executor(resources=self._needs, pure=False)
                future = executor.submit(perform, self._place, self._facts, replace(order, best=None), best)
                done = _result(client, future, cancelled)
            except (OSError, CancelledError) as error:  # with the scheduler, all that it knew is gone
                self._say(f"The scheduler lost an order ({type(error).__name__}); it is given again")
                cancelled.wait(1.0)
                continue
            if isinstance(done, Refusal):
                raise SecureSideError(f"The worker {done.worker} does not work: {done.message}")
            if done is not None:
                return done
        return STOPPED

    def close(self) -> None:
        """See :class:`~participant_kit.secure_side.workers.Workers`."""
        with self._lock:
            if self._connected:
                self._connected.close()

    def _client(self, cancelled: threading.Event) -> Client:
        """A connection to the scheduler, which reconnects by itself, or a new one. Raises ``OSError``."""
        with self._lock:
            if cancelled.is_set():
                raise OSError("not wanted any more")
            if self._connected is None or self._connected.status in ("closing", "closed"):
                self._connected = None
                client = Client(self._address, security=self._security, set_as_default=False)
                if open_to_others := client.run_on_scheduler(_open_on_scheduler):
                    client.close()
                    raise SecureSideError(
                        f"Other machines can reach {', '.join(open_to_others)} of the scheduler.",
                        hint="Start it with --dashboard-address 127.0.0.1:8787, and without TLS with --host 127.0.0.1.",
                    )
                self._connected = client
            return self._connected

    def _room(self, client: Client) -> int:
        """How many jobs the workers can do at once by now."""
        workers: Mapping[str, Any] = client.scheduler_info(n_workers=-1)["workers"]
        rooms = [
            min(worker["nthreads"], *(worker["resources"].get(name, 0) // need for name, need in self._needs.items()))
            for worker in workers.values()
        ]
        wanted = " ".join(f"{name}={need}" for name, need in self._needs.items())
        if workers and not any(rooms):
            raise SecureSideError(
                f"None of {len(workers)} workers has room for one job, which needs {wanted}.",
                hint=f'Start workers with --resources "{wanted}", or several times that, and as many --nthreads.',
            )
        self._say(f"{len(workers)} workers, with room for {int(sum(rooms))} jobs at once")
        return int(sum(rooms))

    def _try_out(self, client: Client) -> None:
        """Let those that are there make themselves ready, which takes a while. Raises when none of them can."""
        workers = list(client.scheduler_info(n_workers=-1)["workers"])
        executor = client.get_executor(pure=False)
        asked = {one: executor.submit(ready, self._place, self._facts, workers=[one]) for one in workers}
        while not all(future.done() for future in asked.values()):
            there = client.scheduler_info(n_workers=-1)["workers"]
            for one in asked.keys() - there.keys():  # who is gone will not answer any more
                asked[one].cancel()
            time.sleep(_LOOK)
        refusals = [found for future in asked.values() if not future.cancelled() and (found := future.result())]
        for refusal in refusals:
            self._say(f"The worker {refusal.worker} does not work: {refusal.message}")
        if workers and len(refusals) == len(workers):
            raise SecureSideError(f"No worker can work. {refusals[0].message}")


def needs_of(limits: Limits) -> dict[str, int]:
    """What one job takes of a worker, as Dask's resources: cores, GPUs, and bytes, the disk among them."""
    needs = {"cpus": limits.cpus, "memory": int(limits.memory + limits.disk)}
    return needs | ({"GPU": limits.gpus} if limits.gpus else {})


def _result(client: Client, future: Future[Any], cancelled: threading.Event) -> Done | Refusal | None:
    """What came of an order; None when it was ``cancelled`` first, which its worker is told.

    Raises ``OSError`` when the scheduler has been away for too long.
    """
    while not wait([future], timeout=_LOOK).done:
        if client.status == "closed":
            raise OSError("the scheduler was away for too long")
        if cancelled.is_set():
            future.cancel()
            return None
    done: Done | Refusal = future.result()
    return done


# What follows runs in a worker, or in the scheduler. It returns what happens and raises nothing: Dask logs what is
# raised, with its arguments, and these may quote data.


def perform(place: Place, facts: Facts, order: Order, best: bytes | None) -> Done | Refusal:
    """Do ``order``, which is compared with the predictions ``best``, in this worker."""
    try:
        workplace = _workplace(place, facts)
        with _given_up() as cancelled, _file_of(best) as path:
            return workplace.perform(replace(order, best=path), cancelled)
    except Exception as error:
        return _refuse(error)


def ready(place: Place, facts: Facts) -> Refusal | None:
    """Make this worker ready; why it is not."""
    try:
        _workplace(place, facts)
    except Exception as error:
        return _refuse(error)
    return None


_workplaces: dict[tuple[Place, Facts], Workplace] = {}
_making = threading.Lock()
_log = logging.getLogger(__name__)


def _workplace(place: Place, facts: Facts) -> Workplace:
    """This worker made ready, once for all its orders."""
    with _making:
        if (place, facts) not in _workplaces:
            worker = get_worker()
            if open_to_others := _open_ports(worker.address):
                raise SecureSideError(
                    f"Other machines can reach {', '.join(open_to_others)} of it.",
                    hint="Start it with --dashboard-address 127.0.0.1:0, and with TLS where it is on another machine.",
                )
            if (here := Facts.of(place)) != facts:
                raise SecureSideError(f"Its {' and '.join(facts.differences(here))} differ from those of the runner.")
            _workplaces[place, facts] = Workplace(place, _log.info)
        return _workplaces[place, facts]


def _refuse(error: Exception) -> Refusal:
    """Say why, and leave the scheduler, so that the orders go to others."""
    worker = get_worker()
    worker.loop.call_later(2.0, partial(worker.close, reason="participant-kit: not fit for work"))
    return Refusal(worker.address, str(error) if isinstance(error, KitError) else type(error).__name__)


@contextlib.contextmanager
def _given_up() -> Iterator[threading.Event]:
    """Set when nobody wants this task's result: it was cancelled, or its runner or the scheduler is no more."""
    worker, given_up, over = get_worker(), threading.Event(), threading.Event()
    key = worker.get_current_task()

    def watch() -> None:
        while not over.wait(_LOOK):
            if not _is_wanted(worker, key):
                given_up.set()
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield given_up
    finally:
        over.set()
        thread.join()


def _is_wanted(worker: Worker, key: Any) -> bool:
    task = worker.state.tasks.get(key)
    return task is not None and task.state == "executing" and worker.status.name in ("running", "paused")


@contextlib.contextmanager
def _file_of(content: bytes | None) -> Iterator[Path | None]:
    if content is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="participant-kit-") as folder:
        path = Path(folder, "best")
        path.write_bytes(content)
        yield path


def _open_on_scheduler(dask_scheduler: Scheduler) -> list[str]:
    return _open_ports(dask_scheduler.address)


def _open_ports(own: str) -> list[str]:
    """Where this process listens to other machines, but for its ``own`` address, if that is one of TLS."""
    scheme, _, rest = own.partition("://")
    trusted = int(rest.rpartition(":")[2]) if scheme == "tls" else None
    listening = (one.laddr for one in psutil.Process().net_connections("inet") if one.status == psutil.CONN_LISTEN)
    return sorted({f"{a.ip}:{a.port}" for a in listening if a.port != trusted and not _is_loopback(a.ip)})


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
