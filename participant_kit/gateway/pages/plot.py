"""Plots as inline SVG: they take their colours from the page, and say in words what they show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from markupsafe import Markup

from participant_kit.challenge.card import Metric
from participant_kit.gateway.pages.column import ShownColumn

_HEIGHT, _ROW = 64, 18
_WIDTH, _TALL, _LEFT, _BOTTOM = 640, 220, 66, 28


def column_plot(column: ShownColumn) -> Markup:
    """How the sample's values of a column are spread: bars side by side, or a row for each level."""
    if column.ends is None or len(column.labels) <= 2:
        return _levels(column)
    highest = max(column.shares, default=0) or 1
    bars = "".join(
        f"M{10 * place + 0.7:.1f} {_HEIGHT}v-{max(_HEIGHT * share / highest, 0.8):.1f}h8.6V{_HEIGHT}z"
        for place, share in enumerate(column.shares)
        if share
    )
    most = column.labels[column.shares.index(max(column.shares))] if any(column.shares) else "none"
    told = f"{column.name}: most values are in {most}"
    return Markup(
        '<svg class="plot spread" role="img" aria-label="{}" viewBox="0 0 {} {}" preserveAspectRatio="none">'
        '<path class="bar" d="{}"/></svg>'
    ).format(told, 10 * len(column.labels), _HEIGHT + 1, bars)


def _levels(column: ShownColumn) -> Markup:
    highest = max(column.shares, default=0) or 1
    rows = Markup()
    for place, (label, share) in enumerate(zip(column.labels, column.shares, strict=True)):
        top = place * _ROW
        short = label if len(label) <= 14 else f"{label[:13]}…"
        rows += Markup(
            '<text x="0" y="{}">{}</text><rect class="bar" x="100" y="{}" width="{:.1f}" height="9"/>'
            '<text x="260" y="{}" text-anchor="end">{:.0%}</text>'
        ).format(top + 12, short, top + 4, max(118 * share / highest, 0.5), top + 12, share)
    told = "; ".join(f"{label} {share:.0%}" for label, share in zip(column.labels, column.shares, strict=True))
    return Markup('<svg class="plot levels" role="img" aria-label="{}: {}" viewBox="0 0 260 {}">{}</svg>').format(
        column.name, told, len(column.labels) * _ROW + 2, rows
    )


_FEW_DAYS = 3 * 86400.0
History = Sequence[tuple[float, str, float]]
"""When, who, and the primary score."""


def history_plot(metric: Metric, leads: History, own: History, ends: datetime) -> Markup:
    """The best score of all as it rose, and one participant's, from the first one to ``ends``."""
    scores = [score for _, _, score in (*leads, *own)]
    if not leads:
        return Markup()
    low, high = min(scores), max(scores)
    low, high = (low, high) if high > low else (low - 10.0**-metric.decimals, high + 10.0**-metric.decimals)
    first = leads[0][0]
    last = max(ends.timestamp(), first + 1)

    def across(moment: float) -> float:
        return _LEFT + (_WIDTH - _LEFT) * (min(max(moment, first), last) - first) / (last - first)

    def up(score: float) -> float:
        return 8 + (_TALL - _BOTTOM - 16) * (high - score) / (high - low)

    def steps(history: History) -> str:
        moves = [f"M{across(history[0][0]):.1f} {up(history[0][2]):.1f}"]
        moves += [f"H{across(moment):.1f}V{up(score):.1f}" for moment, _, score in history[1:]]
        return "".join(moves) + f"H{_WIDTH}"

    parts = Markup()
    digits = min(metric.decimals, max(1, 2 - math.floor(math.log10(high - low))))
    for value in (low, (low + high) / 2, high):
        parts += Markup(
            '<path class="rule" d="M{} {y:.1f}H{}"/><text x="{}" y="{text:.1f}" text-anchor="end">{value}</text>'
        ).format(_LEFT, _WIDTH, _LEFT - 6, y=up(value), text=up(value) + 4, value=f"{value:.{digits}f}")
    for moment, anchor in ((first, "start"), (last, "end")):
        day = datetime.fromtimestamp(moment, UTC)
        said = f"{day:%Y-%m-%d}" if last - first > _FEW_DAYS else f"{day:%Y-%m-%d %H:%M}"
        parts += Markup('<text x="{:.1f}" y="{}" text-anchor="{}">{}</text>').format(
            across(moment), _TALL - 4, anchor, said
        )
    parts += Markup('<path class="line" d="{}"/>').format(steps(leads))
    if own:
        parts += Markup('<path class="line own" d="{}"/>').format(steps(own))
    for moment, who, score in leads[-200:]:
        parts += Markup('<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="3"><title>{} {}</title></circle>').format(
            across(moment), up(score), who, score
        )
    told = f"Best {metric.name} over time: from {leads[0][2]} to {leads[-1][2]} in {len(leads)} steps"
    return Markup('<svg class="plot history" role="img" aria-label="{}" viewBox="0 0 {} {}">{}</svg>').format(
        told, _WIDTH, _TALL, parts
    )
