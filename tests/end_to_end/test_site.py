"""A runner whose notebooks run on the workers of a Dask scheduler: real processes, with TLS between them.

``SITE_KILLS`` says how often which of them is killed at random moments (``make kill``).
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from house import House, free_port, processes, wait_until

from participant_kit.participant import Submission
from participant_kit.protocol.keys import Role
from participant_kit.protocol.states import State
from participant_kit.secure_side.ledger import RESULT, Ledger

KERNEL = "pkit-kernel"
KILLS = int(os.environ.get("SITE_KILLS", "0"))
SLOW = "import time\ntime.sleep({})"
LIGHT = """import pyarrow.parquet as pq
table = pq.read_table(f"{data_dir}/test.parquet").to_pydict()
with open(f"{output_dir}/predictions.csv", "w") as file:
    file.write("id,prediction\\n" + "".join(f"{i},{x}\\n" for i, x in zip(table["id"], table["x"])))
"""


def certificate(folder: Path) -> tuple[Path, Path]:
    """One certificate, with its key, by which all machines of a site know one another."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "site")])
    made = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "site.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret = folder / "site.key.pem"
    form = serialization.PrivateFormat.PKCS8
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return pem, secret


class Site(House):
    """A house whose blind runner gives its orders to workers."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, (Role.BLIND,))
        self.scheduler_port = free_port()
        pem, secret = certificate(root)
        self.tls = ("--tls-ca-file", str(pem), "--tls-cert", str(pem), "--tls-key", str(secret))
        self.options = (
            *("--executor", "dask", "--scheduler", f"tls://127.0.0.1:{self.scheduler_port}", "--jobs", "2"),
            *("--tls-ca", str(pem), "--tls-cert", str(pem), "--tls-key", str(secret)),
        )

    def dask(self, name: str, *words: str) -> None:
        temporary = self.root / f"{name}-tmp"
        temporary.mkdir(exist_ok=True)
        with (self.root / f"{name}.log").open("ab") as log:
            command = [sys.executable, "-m", "dask", *words, *self.tls, "--dashboard-address", "127.0.0.1:0"]
            environment = os.environ | {"TMPDIR": str(temporary)}
            self.parts[name] = subprocess.Popen(
                command, cwd=temporary, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def start_scheduler(self) -> None:
        address = ("--host", f"tls://127.0.0.1:{self.scheduler_port}")
        self.dask("scheduler", "scheduler", *address)
        wait_until(lambda: "Scheduler at" in self.log_of("scheduler"), what="the scheduler starts")

    def start_worker(self, name: str = "worker", resources: str = "cpus=4 memory=4e9") -> None:
        address = f"tls://127.0.0.1:{self.scheduler_port}"
        self.dask(name, "worker", address, "--no-nanny", "--nthreads", "2", "--resources", resources)

    def start_blind(self, wait: bool = True) -> None:
        self.start_runner(Role.BLIND, *self.options, wait=wait)

    def close(self) -> None:
        for name in {"worker", "scheduler"} & self.parts.keys():  # asked to end, one waits for the other
            self.kill(name)
        super().close()

    def kernels(self, name: str = "worker") -> set[int]:
        return set(processes(KERNEL, self.parts[name].pid))

    def runs(self, name: str = "worker") -> None:
        wait_until(lambda: bool(self.kernels(name)), what=f"a notebook runs in {name}")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"))
    try:
        site.open(runners=False)
        site.start_scheduler()
        site.start_worker()
        site.start_blind()
        yield site
    finally:
        site.close()


def ends_once(site: Site, submission: Submission) -> None:
    """It is scored; one result has left, the participant has it, and no reservation is left."""
    assert submission.wait(90).state is State.SCORED
    lines = site.egress()
    assert [line.message for line in lines if (line.submission, line.kind) == (submission.id, RESULT)] == [
        submission.envelope()
    ]
    assert not Ledger.of(lines).open


def quotes_nothing(site: Site, *names: str) -> None:
    """No log has a line of a notebook or of a prediction, nor what Dask writes of a task that raised."""
    for name in names:
        assert not any(words in site.log_of(name) for words in ("read_table", "id,prediction", "Compute Failed")), name


@pytest.mark.long
def test_an_order_is_done_by_a_worker_and_one_that_is_cancelled_or_whose_worker_is_killed_leaves_nothing(
    site: Site,
) -> None:
    cancelled = site.submit(SLOW.format(60), LIGHT)
    site.runs()
    assert not site.kernels("blind")
    cancelled.cancel()
    wait_until(lambda: not site.kernels(), 10, "its sandbox has ended")
    killed = site.submit(SLOW.format(1), LIGHT)
    site.runs()
    site.kill("worker")
    site.start_worker()
    ends_once(site, killed)
    quotes_nothing(site, "scheduler", "worker", "blind")


@pytest.mark.skipif(not KILLS, reason="takes minutes: make kill")
def test_a_runner_that_is_killed_or_stopped_leaves_nothing_running_on_its_workers(site: Site) -> None:
    submission = site.submit(SLOW.format(6), LIGHT)
    site.runs()
    site.kill("blind")
    wait_until(lambda: not site.kernels(), 10, "its sandbox has ended")
    site.start_blind()
    site.runs()
    site.stop("blind")
    assert submission.refresh().state is State.QUEUED
    wait_until(lambda: not site.kernels(), 10, "its sandbox has ended")
    site.start_blind()
    ends_once(site, submission)


@pytest.mark.skipif(not KILLS, reason="takes minutes: make kill")
def test_a_scheduler_that_is_away_for_longer_than_a_connection_lives_is_found_again(site: Site) -> None:
    waits = site.submit(SLOW.format(2), LIGHT)
    site.runs()
    site.kill("scheduler")
    time.sleep(45)  # Dask's client gives up after 30 s
    site.start_scheduler()
    site.start_worker()
    ends_once(site, waits)
    assert "given again" in site.log_of("blind")


@pytest.mark.skipif(not KILLS, reason="takes minutes: make kill")
@pytest.mark.timeout(300 + 30 * KILLS)
def test_whatever_of_a_site_is_killed_and_whenever_each_submission_has_one_score(site: Site) -> None:
    seed = int(os.environ.get("SEED", str(random.SystemRandom().randrange(10**6))))
    print(f"SEED={seed} SITE_KILLS={KILLS}")
    choose, killed, sent = random.Random(seed), Counter[str](), list[Submission]()
    site.start_worker("worker-2")
    restart = {
        "scheduler": site.start_scheduler,
        "worker": site.start_worker,
        "worker-2": lambda: site.start_worker("worker-2"),
        "blind": lambda: site.start_blind(wait=False),
    }
    while killed.total() < KILLS:
        if sum(not each.refresh().state.is_final for each in sent) < 4:
            sent.append(site.submit(SLOW.format(choose.uniform(0, 3)), LIGHT))
        time.sleep(choose.uniform(0, 5))
        name = choose.choice(list(restart))
        site.kill(name)
        killed[name] += 1
        time.sleep(choose.uniform(0, 2))
        for part, again in restart.items():  # workers end with their scheduler: whoever operates it starts them again
            if site.parts[part].poll() is not None:
                again()
    states = Counter()
    for each in sent:
        lost = each.wait(240).failure and each.failure.reason == "runner_lost"
        states["lost" if lost else each.state.value] += 1
        assert lost or each.state is State.SCORED, (each, each.failure)
    print(f"killed: {dict(killed)}; submissions: {dict(states)}")
    lines = site.egress()
    results = Counter(line.submission for line in lines if line.kind == RESULT)
    assert all(results[each.id] == 1 for each in sent if each.state is State.SCORED)
    assert max(results.values()) == 1
    site.wait_ready(Role.BLIND)
    assert not Ledger.of(site.egress()).open
    quotes_nothing(site, "scheduler", "worker", "worker-2", "blind")
