"""The reports as pages: self-contained, without scripts, readable in light and dark, on paper and on a telephone."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

from participant_kit.organizer.report import svg, verdict
from participant_kit.organizer.report.interval import Interval
from participant_kit.organizer.report.organizer import OrganizerReport
from participant_kit.organizer.report.published import PublishedReport
from participant_kit.organizer.report.usefulness import MetricName

_pages = Environment(
    loader=PackageLoader("participant_kit.organizer"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _scale(metric: MetricName | None, values: list[Interval | None]) -> tuple[float, float, float | None]:
    """The ends of an axis for ``values`` of ``metric``, and what knowing nothing would give."""
    lowest = min((value.low for value in values if value), default=0.0)
    if metric == "AUC":
        return (0.5 if lowest >= 0.5 else 0.4 if lowest >= 0.4 else 0.0), 1.0, 0.5
    return (0.0, 1.0, None) if metric != "R²" else (min(0.0, max(-1.0, lowest)), 1.0, 0.0)


_pages.filters |= {"percent": _percent, "figure": _figure}
_pages.globals |= {"svg": svg, "verdict": verdict, "scale": _scale}


def organizer_html(report: OrganizerReport) -> str:
    """The organizer's page."""
    return _pages.get_template("report_organizer.html.j2").render(report=report)


def published_html(report: PublishedReport) -> str:
    """The published page."""
    return _pages.get_template("report_published.html.j2").render(report=report)
