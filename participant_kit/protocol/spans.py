"""Spans of work, as OpenTelemetry has them: recorded when the operator asks for it, and nothing is imported otherwise.

A span has a name and what its caller says of it; never the text of an exception, which may quote data.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_tracer: Any = None


def trace_with(tracer: Any) -> None:
    """Record with ``tracer`` (an ``opentelemetry.trace.Tracer``) from now on; with None nothing is recorded."""
    global _tracer
    _tracer = tracer


@contextmanager
def span(name: str, **attributes: str | int) -> Iterator[Any | None]:
    """The work that is done inside; the span, or None."""
    if _tracer is None:
        yield None
        return
    with _tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as begun:
        yield begun
