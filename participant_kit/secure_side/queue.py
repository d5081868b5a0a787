"""Workers that a queueing system starts: each is a job of Slurm, PBS, HTCondor, LSF, SGE or OAR, through dask-jobqueue.

The scheduler is in the runner's own process, and speaks TLS with certificates made for this one run of it. What a site
wants of its jobs (partition, account, network interface, modules to load) stands in ``~/.config/dask/jobqueue.yaml``,
as the documentation of dask-jobqueue says.
"""

from __future__ import annotations

from pathlib import Path

import dask
import dask_jobqueue
from distributed import Security

from participant_kit.challenge.card import Limits
from participant_kit.secure_side.errors import SecureSideError
from participant_kit.secure_side.outlet import Say
from participant_kit.secure_side.site import DaskWorkers, needs_of
from participant_kit.secure_side.workplace import Facts, Place

QUEUES = {
    "slurm": "SLURMCluster",
    "pbs": "PBSCluster",
    "htcondor": "HTCondorCluster",
    "lsf": "LSFCluster",
    "sge": "SGECluster",
    "oar": "OARCluster",
}
OVERHEAD = 1 << 30
"""Bytes that a worker takes itself, beside the sandbox."""


class QueueWorkers(DaskWorkers):
    """``jobs`` workers of the queueing system ``kind``, each with room for one order; lost ones are started again.

    ``folder`` holds their certificates and logs, unless the site's configuration names others, and has to be the same
    on every machine.
    """

    def __init__(
        self, kind: str, folder: Path, place: Place, facts: Facts, limits: Limits, jobs: int, say: Say
    ) -> None:
        if not jobs:
            raise SecureSideError(f"--executor {kind} needs --jobs.", hint="Say how many jobs of it may run at once.")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if limits.gpus and kind != "slurm":
            raise SecureSideError(
                f"How {kind} is asked for GPUs is not known here.",
                hint="Use --executor slurm; or start workers yourself, with --resources GPU=1, for --executor dask.",
            )
        needs = needs_of(limits)
        words = ["--resources", ",".join(f"{name}={need}" for name, need in needs.items())]
        configured = dask.config.get(f"jobqueue.{kind}")
        try:
            self._cluster = getattr(dask_jobqueue, QUEUES[kind])(
                cores=limits.cpus,
                processes=1,
                memory=f"{needs['memory'] + OVERHEAD} B",
                security=Security.temporary(),
                shared_temp_directory=configured.get("shared-temp-directory") or str(folder),
                log_directory=configured.get("log-directory") or str(folder),
                job_extra_directives=[
                    *(configured.get("job-extra-directives") or []),
                    *([f"--gres=gpu:{limits.gpus}"] if limits.gpus else []),
                ],
                scheduler_options={**configured.get("scheduler-options", {}), "dashboard_address": "127.0.0.1:0"},
                worker_extra_args=[
                    *(configured.get("worker-extra-args") or []),
                    *words,
                    *("--dashboard-address", "127.0.0.1:0"),
                ],
            )
            self._cluster.adapt(minimum_jobs=jobs, maximum_jobs=jobs)
        except (OSError, RuntimeError, ValueError) as error:
            raise SecureSideError(
                f"No workers can be had of {kind}: {error}",
                hint="Check ~/.config/dask/jobqueue.yaml; dask-jobqueue says what it may hold.",
            ) from None
        try:
            super().__init__(self._cluster.scheduler_address, self._cluster.security, place, facts, limits, jobs, say)
        except BaseException:
            self._cluster.close()
            raise

    def close(self) -> None:
        """See :class:`~participant_kit.secure_side.workers.Workers`; its jobs are taken out of the queue."""
        super().close()
        self._cluster.close()
