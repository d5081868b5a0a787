"""What may be watched of a runner, on its own machine alone.

Each number is one that the gateway knows too: what was claimed, what was released, when this runner asked. Run times,
memory and load are private, and are not counted; nor are those of the process, which follow them. Whether a sandbox was
started ahead tells what the run before came to, so the rehearsal role alone counts it.
"""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics

from participant_kit.execution.sandbox.base import Command

disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY = CollectorRegistry()
"""Of this runner, without the collectors that tell of its process."""
CLAIMS = Counter("pkit_runner_claims", "Submissions that were claimed.", registry=REGISTRY)
OUTCOMES = Counter(
    "pkit_runner_outcomes", "What was sent to the gateway, as it was sent.", ("outcome", "stage"), registry=REGISTRY
)
WAITED = Counter("pkit_runner_waiting_seconds", "Spent with asking for work.", registry=REGISTRY)
ANSWERED = Gauge("pkit_runner_last_answer_timestamp_seconds", "When the gateway last answered.", registry=REGISTRY)
STARTS = Counter("pkit_runner_sandbox_starts", "Rehearsals by how their sandbox began.", ("start",), registry=REGISTRY)

_health: Path | None = None


def keep_health_file(path: Path) -> None:
    """Touch ``path`` whenever this runner asks the gateway for work or keeps a lease, whatever the answer."""
    global _health
    _health = path
    beat()


def beat() -> None:
    """Say that this runner is at work."""
    if _health:
        _health.touch()


def count_start(command: Command, warm: bool) -> None:
    """Count the sandbox of a notebook; the scorer's is another."""
    if command.environment.get("GUEST_PRELOAD", "").startswith("notebook"):
        STARTS.labels("warm" if warm else "cold").inc()


def count_wait(began: float, claimed: bool) -> None:
    """Count an answer to who has asked for work since ``began``, on the monotonic clock."""
    WAITED.inc(time.monotonic() - began)
    ANSWERED.set_to_current_time()
    CLAIMS.inc(claimed)


def count_release(envelope: dict[str, Any]) -> None:
    """Count a signed receipt by what stands in it, which is what left."""
    outcome = json.loads(base64.b64decode(envelope["payload"]))["predicate"]["outcome"]
    OUTCOMES.labels(outcome["state"], (outcome.get("failure") or {}).get("stage", "")).inc()


def count_rehearsal(passed: bool) -> None:
    """Count how a rehearsal ended."""
    OUTCOMES.labels("passed" if passed else "failed", "rehearsal").inc()
