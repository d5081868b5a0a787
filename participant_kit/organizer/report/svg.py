"""Pictures as inline SVG: they take their colours from the page, so that they are right in light and in dark."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from markupsafe import Markup

from participant_kit.organizer.report.columns import ColumnFigures
from participant_kit.organizer.report.interval import Interval
from participant_kit.organizer.report.pairs import AssociationMap

_HEIGHT = 64
"""Of a histogram."""
_ROW = 17
"""Of a level."""
_CELL = 11
_NAME = 18
"""Letters of a name that fit before a row."""


def histogram(column: ColumnFigures) -> Markup:
    """Bars of each bin, those of the tables side by side; as high as the highest share."""
    spreads = column.spreads
    highest = max((max(spread.shares, default=0) for spread in spreads.values()), default=0) or 1
    width, wide = 10 * len(column.labels), (8.4 if len(spreads) == 1 else 4.3)
    bars = Markup()
    for place, (table, spread) in enumerate(spreads.items()):
        path = "".join(
            f"M{10 * index + 0.7 + place * wide:.1f} {_HEIGHT}v-{_HEIGHT * share / highest:.1f}h{wide:.1f}V{_HEIGHT}z"
            for index, share in enumerate(spread.shares)
            if share
        )
        bars += Markup('<path class="{}" d="{}"/>').format(table, path)
    return Markup(
        '<svg class="histogram" role="img" aria-label="{}" viewBox="0 0 {} {}" preserveAspectRatio="none">{}</svg>'
    ).format(_told(column), width, _HEIGHT, bars)


def level_bars(column: ColumnFigures) -> Markup:
    """A row for each level: its name, and the bars of the tables one under the other."""
    spreads = list(column.spreads.items())
    highest = max((max(spread.shares, default=0) for _, spread in spreads), default=0) or 1
    thick = 9.0 if len(spreads) == 1 else 5.0
    rows = Markup()
    for index, label in enumerate(column.labels):
        top = index * _ROW
        rows += Markup('<text x="0" y="{}">{}</text>').format(top + 11.5, _short(label))
        for place, (table, spread) in enumerate(spreads):
            rows += Markup('<rect class="{}" x="112" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
                table, top + 3 + place * thick, max(146 * spread.shares[index] / highest, 0.5), thick
            )
    return Markup('<svg class="levels" role="img" aria-label="{}" viewBox="0 0 260 {}">{}</svg>').format(
        _told(column), len(column.labels) * _ROW + 2, rows
    )


def picture(column: ColumnFigures) -> Markup:
    """The picture that fits the column."""
    return level_bars(column) if column.ends is None or len(column.labels) <= 2 else histogram(column)


def association_map(figures: AssociationMap, table: str) -> Markup:
    """Squares, the fuller the stronger two columns go together in ``table``; a name before each row."""
    names, strengths = figures.names, figures.tables[table]
    cells: dict[int, list[str]] = defaultdict(list)
    for row, values in enumerate(strengths):
        for place, value in enumerate(values):
            if row != place and (depth := round(20 * value**0.75)):  # so that weak ones can be seen too
                cells[depth].append(f"M{100 + place * _CELL} {row * _CELL}h10v10h-10z")
    paths = Markup().join(
        Markup('<path fill-opacity="{}" d="{}"/>').format(depth / 20, "".join(parts))
        for depth, parts in sorted(cells.items())
    )
    diagonal = "".join(f"M{100 + place * _CELL} {place * _CELL}h10v10h-10z" for place in range(len(names)))
    labels = Markup().join(
        Markup('<text x="96" y="{}" text-anchor="end">{}</text>').format(row * _CELL + 8.5, _short(name))
        for row, name in enumerate(names)
    )
    size = len(names) * _CELL
    told = f"How strongly {len(names)} columns go together in the {table} rows; a table of pairs follows."
    return Markup(
        '<svg class="map" role="img" aria-label="{}" viewBox="0 0 {} {}"><path class="diagonal" d="{}"/>{}{}</svg>'
    ).format(told, 100 + size, size, diagonal, paths, labels)


def intervals(
    rows: Sequence[tuple[str, Interval | None, str]], low: float, high: float, mark: float | None = None
) -> Markup:
    """A dot with its interval for each row (label, interval, table), from ``low`` to ``high``; ``mark`` is a line."""
    left, width, step = 132, 216, 22

    def place(value: float) -> float:
        return left + width * (min(max(value, low), high) - low) / (high - low)

    parts, told = Markup(), []
    bottom = len(rows) * step
    for value in (low, (low + high) / 2, high):
        parts += Markup('<path class="rule" d="M{:.1f} 0V{}"/>').format(place(value), bottom)
        parts += Markup('<text class="soft" x="{:.1f}" y="{}" text-anchor="middle">{:g}</text>').format(
            place(value), bottom + 14, round(value, 3)
        )
    if mark is not None:
        parts += Markup('<path class="mark" d="M{:.1f} 0V{}"/>').format(place(mark), bottom)
    for index, (label, value_of, table) in enumerate(rows):
        middle = index * step + step / 2
        parts += Markup('<text x="0" y="{}">{}</text>').format(middle + 4, label)
        if value_of is None:
            continue
        told.append(f"{label}: {value_of}")
        parts += Markup(
            '<path class="{0} line" d="M{1:.1f} {3}H{2:.1f}"/><circle class="{0}" cx="{4:.1f}" cy="{3}" r="4"/>'
        ).format(table, place(value_of.low), place(value_of.high), middle, place(value_of.value))
    return Markup('<svg class="intervals" role="img" aria-label="{}" viewBox="0 0 360 {}">{}</svg>').format(
        "; ".join(told) or "no figures", bottom + 20, parts
    )


def _told(column: ColumnFigures) -> str:
    """The picture in words."""
    if column.ends is None:
        of_level = [
            f"{label}: " + ", ".join(f"{table} {spread.shares[index]:.0%}" for table, spread in column.spreads.items())
            for index, label in enumerate(column.labels)
        ]
        return f"{column.name}. " + "; ".join(of_level)
    modes = [
        f"most {table} values are in {column.labels[spread.shares.index(max(spread.shares))]}"
        for table, spread in column.spreads.items()
        if any(spread.shares)
    ]
    return f"{column.name}, from {column.ends[0]} to {column.ends[1]}: {', '.join(modes) or 'no values'}"


def _short(text: str, letters: int = _NAME) -> str:
    return text if len(text) <= letters + 1 else f"{text[:letters]}…"
