"""A runner whose notebooks run in jobs of Slurm: Debian's munged, slurmctld and slurmd, on this machine, as root.

Not part of ``make test``; ``make test-slurm`` installs Slurm and runs this.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from house import House, free_port, processes, wait_until
from support import CARD, make_card
from test_site import KERNEL, LIGHT, SLOW

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.protocol.keys import Role
from participant_kit.protocol.states import State
from participant_kit.secure_side.ledger import RESULT, Ledger
from participant_kit.secure_side.queue import QueueWorkers
from participant_kit.secure_side.workplace import Facts, Place

pytestmark = pytest.mark.skipif("PKIT_SLURM" not in os.environ, reason="needs Slurm: make test-slurm")

CONFIGURATION = """
ClusterName=site
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmctldPort={controller}
SlurmdPort={daemon}
AuthType=auth/munge
AuthInfo=socket={root}/munge.socket
StateSaveLocation={root}/controller
SlurmdSpoolDir={root}/daemon
SlurmctldPidFile={root}/controller.pid
SlurmdPidFile={root}/daemon.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ReturnToService=2
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=16000 Gres=gpu:1 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Slurm of one machine, in a folder of its own; its commands find it by ``SLURM_CONF``."""
    root = tmp_path_factory.mktemp("slurm")
    root.chmod(0o755)
    for name in ("controller", "daemon"):
        (root / name).mkdir()
    (root / "munge.key").write_bytes(secrets.token_bytes(1024))
    (root / "munge.key").chmod(0o400)
    configuration = root / "slurm.conf"
    values = {"host": os.uname().nodename.split(".")[0], "controller": free_port(), "daemon": free_port()}
    configuration.write_text(CONFIGURATION.format(root=root, **values))
    (root / "gres.conf").write_text("Name=gpu File=/dev/null\n")  # it is counted, and not opened
    commands = {
        "munged": (
            *("--foreground", "--force", "--key-file", "munge.key", "--socket", "munge.socket"),
            *("--pid-file", "munge.pid", "--seed-file", "munge.seed", "--log-file", "munge.log"),
        ),
        "slurmctld": ("-D",),
        "slurmd": ("-D",),
    }
    started = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(configuration))
        try:
            for name, words in commands.items():
                program = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
                assert program, f"{name} is not installed: make test-slurm"
                paths = [str(root / word) if word.startswith("munge.") else word for word in words]
                with (root / f"{name}.log").open("wb") as log:
                    started.append(subprocess.Popen([program, *paths], cwd=root, stdout=log, stderr=log))
            wait_until(lambda: b"idle" in subprocess.run(["sinfo"], capture_output=True).stdout, what="Slurm is up")
            yield root
        finally:
            for process in reversed(started):
                process.terminate()
                process.wait(20)


def test_a_job_of_slurm_holds_the_gpus_that_the_card_wants(slurm: Path, tmp_path: Path, tables: Path) -> None:
    folder = ChallengeFolder(tmp_path / "kit")
    folder.root.mkdir()
    folder.card_path.write_bytes(CARD)
    folder.requirements_path.touch()
    folder.sample_dir.symlink_to(tables)
    place, limits = Place(folder.root, Role.REHEARSAL), make_card().limits.model_copy(update={"gpus": 1})
    workers = QueueWorkers("slurm", tmp_path / "jobs", place, Facts.of(place), limits, 2, lambda line: None)
    try:
        wait_until(lambda: bool(jobs()), what="a job runs")
        (job,) = jobs()
        shown = subprocess.run(["scontrol", "show", "job", job], capture_output=True, text=True, check=True).stdout
        assert "gpu:1" in shown, shown
        wait_until(lambda: "Resources" in waiting(), what="there is one GPU, and the second job waits for it")
    finally:
        workers.close()
    wait_until(lambda: not jobs(), 120, "no job is left")


@pytest.fixture(scope="module")
def site(slurm: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("site"), (Role.BLIND,))
    try:
        house.open(runners=False)
        house.start_runner(Role.BLIND, "--executor", "slurm", "--jobs", "2")
        yield house
    finally:
        house.close()


def jobs() -> list[str]:
    """The jobs that Slurm runs."""
    shown = subprocess.run(["squeue", "--noheader", "--states=running", "--format=%i"], capture_output=True, text=True)
    return shown.stdout.split()


def waiting() -> str:
    """Why jobs wait."""
    command = ["squeue", "--noheader", "--states=pending", "--format=%r"]
    return subprocess.run(command, capture_output=True, text=True).stdout


def test_notebooks_run_in_jobs_of_slurm_and_one_that_is_cancelled_or_killed_leaves_nothing_running(site: House) -> None:
    wait_until(lambda: len(jobs()) == 2, what="two jobs run")
    first = site.submit(SLOW.format(1), LIGHT)
    assert first.wait(120).state is State.SCORED
    assert not processes(KERNEL, site.parts["blind"].pid), "not here"
    cancelled = site.submit(SLOW.format(100), LIGHT)
    wait_until(lambda: bool(processes(KERNEL)), what="it runs")
    cancelled.cancel()
    wait_until(lambda: not processes(KERNEL), 10, "its sandbox has ended")
    killed = site.submit(SLOW.format(3), LIGHT)
    wait_until(lambda: bool(processes(KERNEL)), what="it runs")
    subprocess.run(["scancel", "--signal=KILL", "--full", *jobs()], check=True)
    assert killed.wait(240).state is State.SCORED, "other jobs took the place of those"
    lines = site.egress()
    assert sum((line.submission, line.kind) == (killed.id, RESULT) for line in lines) == 1
    assert not Ledger.of(lines).open


def test_a_runner_that_is_stopped_takes_its_jobs_out_of_the_queue_and_one_that_is_killed_too(site: House) -> None:
    site.stop("blind")
    wait_until(lambda: not jobs(), 30, "no job is left")
    site.start_runner(Role.BLIND, "--executor", "slurm", "--jobs", "1")
    wait_until(lambda: bool(jobs()), what="a job runs")
    site.kill("blind")
    wait_until(lambda: not jobs(), 120, "a worker without its scheduler ends")
