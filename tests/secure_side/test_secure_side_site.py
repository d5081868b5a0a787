"""Workers on other machines: who is spoken to, and who is refused. Real schedulers and workers of Dask."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from dask import config
from distributed import Client, LocalCluster
from house import free_port, wait_until
from support import CARD, SOLUTION, make_card, make_notebook

from participant_kit.challenge.card import Limits
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.protocol.keys import Role
from participant_kit.secure_side.errors import SecureSideError
from participant_kit.secure_side.service import Settings, make_workers
from participant_kit.secure_side.site import DaskWorkers, Site, needs_of
from participant_kit.secure_side.workplace import Facts, Order, Place, Workplace

ROOT = Path(__file__).parents[2]


@pytest.fixture
def place(tmp_path: Path, tables: Path) -> Place:
    folder = ChallengeFolder(tmp_path / "kit")
    folder.root.mkdir()
    folder.card_path.write_bytes(CARD)
    folder.requirements_path.touch()
    folder.sample_dir.symlink_to(tables)
    return Place(folder.root, Role.REHEARSAL)


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """A scheduler on loopback, without workers."""
    options = {"n_workers": 0, "processes": False, "protocol": "tcp://", "host": "127.0.0.1"}
    with LocalCluster(**options, dashboard_address="127.0.0.1:0", silence_logs=50) as made:
        yield made


def add_worker(cluster: LocalCluster, **resources: float) -> None:
    cluster.new_spec["options"] |= {"resources": resources, "dashboard_address": "127.0.0.1:0"}
    cluster.scale(1)
    cluster.wait_for_workers(1)


def connect(address: str, place: Place, facts: Facts | None = None, limits: Limits | None = None) -> DaskWorkers:
    facts, limits = facts or Facts.of(place), limits or make_card().limits
    return DaskWorkers(address, None, place, facts, limits, 0, lambda line: None)


@pytest.mark.parametrize(
    ("address", "error"),
    [
        ("tcp://site.example.org:8786", "without TLS"),
        ("tcp://192.0.2.1:8786", "without TLS"),
        ("tls://site.example.org:8786", "--tls-ca, --tls-cert and --tls-key; not there: None, None, None"),
        ("site.example.org:8786", "no scheduler's address"),
        ("https://site.example.org", "no scheduler's address"),
    ],
)
def test_another_machine_is_spoken_to_by_tls_alone(address: str, error: str) -> None:
    with pytest.raises(SecureSideError, match=error):
        Site(address).security()


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:8786", "tcp://localhost:8786", "tcp://[::1]:8786"])
def test_on_this_machine_a_scheduler_needs_no_certificates(address: str) -> None:
    assert Site(address).security() is None


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"executor": "dask"}, "needs --scheduler"),
        ({"executor": "slurm"}, "needs --jobs"),
        ({"executor": "cloud"}, "There is no executor 'cloud'"),
        ({"scheduler": "tcp://127.0.0.1:1"}, "is for --executor dask"),
    ],
)
def test_options_that_do_not_fit_are_said(tmp_path: Path, place: Place, options: dict[str, str], error: str) -> None:
    settings = Settings("", "", place.challenge, [], tmp_path / "state", Role.REHEARSAL, **options)  # type: ignore[arg-type]
    with pytest.raises(SecureSideError, match=error):
        make_workers(settings, place, Facts.of(place), make_card().limits, lambda line: None)


def test_a_scheduler_that_is_not_there_is_said(place: Place) -> None:
    with config.set({"distributed.comm.timeouts.connect": "1s"}), pytest.raises(SecureSideError, match="No scheduler"):
        connect(f"tcp://127.0.0.1:{free_port()}", place)


def test_a_scheduler_whose_dashboard_others_can_reach_is_refused(tmp_path: Path, place: Place) -> None:
    port, log = free_port(), tmp_path / "scheduler.log"
    words = ("--host", f"tcp://127.0.0.1:{port}", "--dashboard-address", "0.0.0.0:0")
    with log.open("wb") as file:
        scheduler = subprocess.Popen([sys.executable, "-m", "dask", "scheduler", *words], stdout=file, stderr=file)
    try:
        wait_until(lambda: "Scheduler at" in log.read_text(), what="the scheduler starts")
        with pytest.raises(SecureSideError, match=r"Other machines can reach 0\.0\.0\.0:\d+ of the scheduler"):
            connect(f"tcp://127.0.0.1:{port}", place)
    finally:
        scheduler.terminate()
        scheduler.wait(20)


@pytest.mark.sandbox
def test_an_order_that_wants_a_gpu_goes_to_a_worker_that_has_one(place: Place, cluster: LocalCluster) -> None:
    folder = ChallengeFolder(place.challenge)
    folder.requirements_path.write_bytes((ROOT / "tests" / "requirements.txt").read_bytes())
    limits = make_card().limits.model_copy(update={"gpus": 1})
    add_worker(cluster, **needs_of(make_card().limits))
    (plain,) = cluster.scheduler.workers
    with pytest.raises(SecureSideError, match=r"None of 1 workers has room .* GPU=1"):
        connect(cluster.scheduler_address, place, limits=limits)
    cluster.new_spec["options"] |= {"resources": needs_of(limits)}
    cluster.scale(2)
    cluster.wait_for_workers(2)
    workers = connect(cluster.scheduler_address, place, limits=limits)
    try:
        with Client(cluster.scheduler_address, set_as_default=False) as client:
            client.get_task_stream()  # is kept from the first look on
            for _ in range(2):
                assert workers.do(Order(make_notebook(SOLUTION)), threading.Event()).verdict == {"scores": {}}
            did = {task["worker"] for task in client.get_task_stream() if "perform" in str(task["key"])}
        assert did == set(cluster.scheduler.workers) - {plain}
        assert workers.jobs == 1
    finally:
        workers.close()


def test_a_card_that_wants_a_gpu_is_refused_because_no_sandbox_hands_one_on(place: Place) -> None:
    card = CARD.replace(b"processes: 64", b"processes: 64, gpus: 2")
    ChallengeFolder(place.challenge).card_path.write_bytes(card)
    with pytest.raises(SecureSideError, match=r"wants 2 GPU .* no sandbox hands one on"):
        Workplace(place, lambda line: None)


def test_a_queueing_system_that_nobody_knows_how_to_ask_for_a_gpu_is_said(tmp_path: Path, place: Place) -> None:
    settings = Settings("", "", place.challenge, [], tmp_path / "state", Role.REHEARSAL, executor="pbs", jobs=1)
    limits = make_card().limits.model_copy(update={"gpus": 1})
    with pytest.raises(SecureSideError, match="How pbs is asked for GPUs is not known"):
        make_workers(settings, place, Facts.of(place), limits, lambda line: None)


def test_workers_without_room_for_one_job_are_refused(place: Place, cluster: LocalCluster) -> None:
    add_worker(cluster, cpus=1, memory=1e12)
    with pytest.raises(SecureSideError, match=r"None of 1 workers has room .* cpus=2 memory=1140850688"):
        connect(cluster.scheduler_address, place)


def test_a_worker_with_other_data_or_another_version_does_not_work_and_leaves(
    place: Place, cluster: LocalCluster
) -> None:
    add_worker(cluster, **needs_of(make_card().limits))
    other = replace(Facts.of(place), data="0" * 64, version="0")
    with pytest.raises(SecureSideError, match=r"No worker can work\. Its data and version differ"):
        connect(cluster.scheduler_address, place, other)
    wait_until(lambda: not cluster.scheduler.workers, 10, "it has left")


def test_an_order_waits_for_a_worker_and_one_that_is_not_fit_ends_it_with_its_reason(
    place: Place, cluster: LocalCluster
) -> None:
    workers = connect(cluster.scheduler_address, replace(place, challenge=place.challenge / "missing"), Facts.of(place))
    try:
        cancelled = threading.Event()
        threading.Timer(0.5, cancelled.set).start()
        assert workers.do(Order(b"{}"), cancelled).execution.cancelled
        add_worker(cluster, **needs_of(make_card().limits))
        with pytest.raises(SecureSideError, match=r"does not work: .*found no file.*missing"):
            workers.do(Order(b"{}"), threading.Event())
    finally:
        workers.close()


@pytest.mark.sandbox
def test_a_worker_scores_where_it_is_and_predictions_come_back_where_they_are_wanted(
    tmp_path: Path, place: Place, cluster: LocalCluster, tables: Path
) -> None:
    folder = ChallengeFolder(place.challenge)
    folder.requirements_path.write_bytes((ROOT / "tests" / "requirements.txt").read_bytes())
    folder.private_dir("development").parent.mkdir()
    folder.private_dir("development").symlink_to(tables)
    add_worker(cluster, **needs_of(make_card().limits))
    workers = connect(cluster.scheduler_address, replace(place, role=Role.BLIND))
    try:
        order = Order(make_notebook(SOLUTION), "development")
        plain = workers.do(order, threading.Event())
        assert plain.verdict["scores"]["roc_auc_score"] == pytest.approx(8 / 9)
        assert plain.execution.output == b"" and not plain.execution.log
        (tmp_path / "best").write_bytes(b"id,prediction\n" + b"".join(b"%d,0.5\n" % row for row in range(1, 7)))
        kept = workers.do(replace(order, best=tmp_path / "best", keep=True), threading.Event())
        assert kept.execution.output and kept.execution.output.startswith(b"id,prediction")
        assert kept.verdict["chance"] > 0
        broken = workers.do(replace(order, notebook=make_notebook("print(4711)", "1 / 0")), threading.Event())
        assert (broken.execution.stage, broken.execution.reason) == ("notebook", "ZeroDivisionError")
        assert not broken.execution.message and not broken.execution.log
    finally:
        workers.close()
