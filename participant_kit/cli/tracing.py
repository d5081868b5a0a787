"""OpenTelemetry traces, asked for by its own environment variables; without them nothing of it is imported."""

from __future__ import annotations

import os

from participant_kit.challenge.errors import KitError
from participant_kit.protocol.address import is_loopback
from participant_kit.protocol.spans import trace_with

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_EXPORTERS = ("otlp", "console", "none")


class TracingError(KitError):
    """The environment asks for traces that cannot be had."""

    code = "tracing"


def configure(service: str, *, stays_here: bool = False) -> None:
    """Trace this process if the environment asks for it.

    With ``stays_here`` a collector has to be on this machine: how long a run takes is private.
    """
    endpoint = next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), "")
    exporter = os.environ.get("OTEL_TRACES_EXPORTER") or ("otlp" if endpoint else "none")
    if exporter not in _EXPORTERS:
        raise TracingError(f"OTEL_TRACES_EXPORTER is {exporter!r}.", hint=f"It can be one of: {', '.join(_EXPORTERS)}.")
    if exporter == "none" or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return
    local = exporter == "console" or is_loopback(endpoint or "http://localhost:4318")
    if stays_here and not local:
        raise TracingError(
            f"Traces of a runner do not go to another machine, and the collector is at {endpoint}.",
            hint="How long a run takes is private. Let a collector on this machine take them.",
        )
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter

        if exporter == "console":
            made: SpanExporter = ConsoleSpanExporter()
        else:
            import requests
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            session = requests.Session()
            session.trust_env = not local  # a proxy must not see what stays on this machine
            made = OTLPSpanExporter(session=session)
    except ImportError as error:
        hint = "Install them with: pip install 'participant-kit[tracing]'"
        raise TracingError(f"The packages for traces are missing ({error.name}).", hint=hint) from None
    name = os.environ.get("OTEL_SERVICE_NAME", f"participant-kit-{service}")
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(made))
    trace_with(provider.get_tracer("participant_kit"))
