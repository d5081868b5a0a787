"""What is counted for who operates the gateway: no participant, no identifier, nothing that a submission holds.

Counters are of this process. What is read from the database at each look is the same in every process of a gateway.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from participant_kit.challenge.errors import KitError
from participant_kit.gateway.database import Database
from participant_kit.gateway.tables import challenges, submissions
from participant_kit.protocol.keys import Role
from participant_kit.protocol.states import State

disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY = CollectorRegistry()
"""The counters of this process."""
ProcessCollector(registry=REGISTRY)
REQUESTS = Histogram(
    "pkit_gateway_request_seconds",
    "Requests by route, and how long the answer took; claims and watches wait for news.",
    ("method", "route", "status"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
    registry=REGISTRY,
)
LEASES_LOST = Counter(
    "pkit_gateway_leases_lost",
    "Leases that ran out with no word of the runner.",
    ("challenge", "role"),
    registry=REGISTRY,
)
DATABASE_ERRORS = Counter("pkit_gateway_database_errors", "Requests that the database failed.", registry=REGISTRY)
BLOB_ERRORS = Counter("pkit_gateway_blob_errors", "Requests that the store of blobs failed.", registry=REGISTRY)


def count_error(error: Exception) -> None:
    """Count ``error`` when it is of the database or of the blobs."""
    if isinstance(error, SQLAlchemyError):
        DATABASE_ERRORS.inc()
    elif isinstance(error, OSError) or (isinstance(error, KitError) and error.code == "disk_full"):
        BLOB_ERRORS.inc()


class Queue:
    """What the database says at the moment somebody looks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterator[Metric]:
        """See :class:`prometheus_client.registry.Collector`."""
        up = GaugeMetricFamily("pkit_gateway_database_up", "Whether the database answers.")
        try:
            yield from self._read()
            up.add_metric([], 1)
        except SQLAlchemyError as error:
            count_error(error)
            up.add_metric([], 0)
        yield up

    def _read(self) -> list[Metric]:
        held = GaugeMetricFamily(
            "pkit_gateway_submissions", "Submissions by state.", labels=("challenge", "phase", "state")
        )
        waiting = GaugeMetricFamily(
            "pkit_gateway_queue", "Submissions that wait for a runner.", labels=("challenge", "role")
        )
        oldest = GaugeMetricFamily(
            "pkit_gateway_queue_oldest_seconds", "How long the oldest one waits.", labels=("challenge", "role")
        )
        column = submissions.c
        kinds = (column.challenge, column.phase, column.state)
        roles = (column.challenge, column.waits_for)
        queued = select(*roles, func.count(), func.min(column.updated_at)).where(column.state == State.QUEUED.value)
        with self._database.read() as connection:
            slugs = connection.scalars(select(challenges.c.slug)).all()
            for *labels, count in connection.execute(select(*kinds, func.count()).group_by(*kinds)):
                held.add_metric(labels, count)
            lines = {(row[0], row[1]): row[2:] for row in connection.execute(queued.group_by(*roles))}
        for key in product(slugs, [role.value for role in Role]):
            LEASES_LOST.labels(*key)  # an increase is seen where a zero was before
            count, since = lines.get(key, (0, None))
            waiting.add_metric(key, count)
            oldest.add_metric(key, max(0.0, time.time() - since) if since else 0.0)
        return [held, waiting, oldest]


def serve_metrics(database: Database, host: str, port: int) -> int:
    """Answer at ``host:port`` until the process ends. The port, of which 0 takes a free one."""
    from prometheus_client import start_http_server

    REGISTRY.register(Queue(database))
    server, _ = start_http_server(port, host, REGISTRY)
    return int(server.server_port)
