"""What the figures say, in plain words, and the thresholds by which they say it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from participant_kit.challenge.finding import Finding
from participant_kit.organizer.report.interval import Figures
from participant_kit.organizer.report.usefulness import ModelFigures, Usefulness

if TYPE_CHECKING:
    from participant_kit.organizer.report.attacks import AttackFigures
    from participant_kit.organizer.report.columns import ColumnFigures
    from participant_kit.organizer.report.risk import Copies, Nearness
    from participant_kit.organizer.synthesize.base import Guarantee

GOOD_RATIO = 0.97
"""A sample on which models learn this share of what real rows teach is good to work on."""
POOR_RATIO = 0.9
"""Below this, what is learned on the sample says little of real rows."""
PERFECT = 0.995
"""Where real rows teach models more than this, a column may be known only once the target is."""
MARKED_DISTANCE = 0.15
"""A column whose distributions are further apart than this (total variation) is marked."""
TELLING = 0.55
"""An interval of nearness or membership that lies above this is no accident; 0.5 is ideal."""
WIDE = 0.2
"""An interval of nearness or membership that is wider says nothing."""
COPY_P_VALUE = 0.01
"""Copies that chance makes more seldom than this are no chance."""
RISK = 0.1
"""A higher risk of an attack is no chance, where its interval leaves 0 out."""

Level = Literal["good", "look", "bad"]


class Statement(Figures):
    """One sentence of the verdict: ``good``, worth a ``look``, or ``bad``."""

    level: Level
    subject: str
    text: str


def of_guarantee(guarantee: Guarantee) -> Statement:
    """What may be promised to the people in the data."""
    if not guarantee.looks_at_data:
        text = "The sample was made without a look at the private tables, and can reveal nothing of them."
        return Statement(level="good", subject="Guarantee", text=text)
    if guarantee.epsilon is None:
        text = (
            "There is no guarantee: the sample was made from the private tables, and real values may have been "
            "copied into it. Figures can show that something leaks, never that nothing does."
        )
        return Statement(level="bad", subject="Guarantee", text=text)
    text = f"The sample spends {privacy_text(guarantee)}."
    return Statement(level="good", subject="Guarantee", text=text)


def privacy_text(guarantee: Guarantee) -> str:
    """Epsilon, delta and whose privacy it is."""
    unit = (
        "row"
        if guarantee.privacy_unit == "row"
        else f"{guarantee.privacy_unit} (at most {guarantee.rows_per_unit} rows)"
    )
    delta = f", delta = {guarantee.delta:g}" if guarantee.delta else ""
    return f"epsilon = {guarantee.epsilon:g}{delta} of the privacy of each {unit}"


def of_usefulness(figures: Usefulness) -> Statement:
    """Whether it is worth working on the sample."""
    known = [model for model in figures.models if model.ratio]
    if not known:
        reason = figures.reason or "of the real rows, too, models learn nothing that is more than chance"
        return Statement(level="look", subject="Usefulness", text=f"Not measured: {reason}.")
    best = max(known, key=lambda model: model.on_real.value if model.on_real else 0.0)
    if best.on_real and best.on_real.low >= PERFECT:
        text = f"Models make hardly a mistake, {_reached(figures, best)}: does a column tell the target by itself?"
        return Statement(level="look", subject="Usefulness", text=text)
    value = best.ratio.value if best.ratio else 0.0
    level: Level = "good" if value >= GOOD_RATIO else "look" if value >= POOR_RATIO else "bad"
    word = {
        "good": "A model learned on the sample does about as well on real rows as one learned on real rows",
        "look": "A model learned on the sample does worse on real rows than one learned on real rows",
        "bad": "A model learned on the sample does much worse on real rows than one learned on real rows",
    }[level]
    return Statement(level=level, subject="Usefulness", text=f"{word}: {_reached(figures, best)}.")


def _reached(figures: Usefulness, model: ModelFigures) -> str:
    if not (model.ratio and model.on_synthetic and model.on_real):
        return "not measured"
    return (
        f"{figures.metric} {model.on_synthetic.value:.3f} against {model.on_real.value:.3f} with {model.model}, "
        f"{model.ratio.value:.1%} of it (95% interval {model.ratio.low:.1%} to {model.ratio.high:.1%})"
    )


def of_columns(columns: Sequence[ColumnFigures]) -> Statement:
    """Whether single columns look as they should."""
    marked = marked_columns(columns)
    if not marked:
        text = f"None of {len(columns)} columns is further than {MARKED_DISTANCE:g} from its real distribution."
        return Statement(level="good", subject="Columns", text=text)
    names = ", ".join(marked[:5]) + (f" and {len(marked) - 5} more" if len(marked) > 5 else "")
    are = "is" if len(marked) == 1 else "are"
    text = f"{len(marked)} of {len(columns)} columns {are} further than {MARKED_DISTANCE:g} from what is real: {names}."
    return Statement(level="look", subject="Columns", text=text)


def marked_columns(columns: Sequence[ColumnFigures]) -> list[str]:
    """Columns that are further from the real distribution than they should be, the furthest first."""
    far = {each.name: each.total_variation or 0.0 for each in columns}
    return sorted((name for name in far if far[name] > MARKED_DISTANCE), key=lambda name: -far[name])


def of_copies(figures: Copies | None) -> Statement:
    """Whether real rows were copied."""
    if figures is None:
        return Statement(
            level="look", subject="Copies", text="Not measured: there are no columns or no real rows to compare."
        )
    seen = f"{figures.of_train} of {figures.rows} synthetic rows equal a real training row"
    chance = f"chance, by {figures.held_out_rows} held-out rows, gives about {figures.by_chance:g}"
    if figures.of_train and figures.p_value < COPY_P_VALUE:
        text = f"{seen}; {chance}. Do not publish this sample before you know why."
        return Statement(level="bad", subject="Copies", text=text)
    if figures.of_train > figures.by_chance:
        return Statement(level="look", subject="Copies", text=f"{seen}; {chance}. So few may be chance.")
    if figures.of_train:
        return Statement(level="good", subject="Copies", text=f"{seen}; {chance}.")
    return Statement(level="good", subject="Copies", text="No synthetic row equals a real training row.")


def of_nearness(figures: Nearness | None) -> Iterator[Statement]:
    """Whether synthetic rows are nearer to real training rows, and whether that tells who was among them."""
    if figures is None:
        yield Statement(level="look", subject="Nearness", text="Not measured: too few rows or columns.")
        return
    for subject, value, good, bad in (
        (
            "Nearness",
            figures.nearer_to_train,
            "Synthetic rows are no nearer to real training rows than to held-out ones",
            "Synthetic rows are nearer to real training rows than to held-out ones",
        ),
        (
            "Membership",
            figures.membership,
            "How near a synthetic row is does not tell who was in the training rows",
            "How near a synthetic row is tells something of who was in the training rows",
        ),
    ):
        if value is None:
            yield Statement(level="look", subject=subject, text="Not measured: too few rows.")
        elif value.low <= 0.5 and value.high - value.low > WIDE:
            text = f"Too few rows to tell: {value}, where 0.5 is ideal."
            yield Statement(level="look", subject=subject, text=text)
        elif value.low <= 0.5:
            yield Statement(level="good", subject=subject, text=f"{good}: {value}, where 0.5 is ideal.")
        else:
            level: Level = "bad" if value.low > TELLING else "look"
            yield Statement(level=level, subject=subject, text=f"{bad}: {value}, where 0.5 is ideal.")


def of_attacks(figures: AttackFigures | None) -> Statement:
    """Whether the attacks of others succeed."""
    if figures is None:
        text = "Not run: singling out, linkability and inference. Try them with: pkit challenge report FOLDER --attacks"
        return Statement(level="look", subject="Attacks", text=text)
    worst = max(figures.results, key=lambda attack: attack.risk.value, default=None)
    real = [attack for attack in figures.results if attack.risk.value > RISK and attack.risk.low > 0]
    if worst is None or not real:
        most = f"; the highest risk is {worst.risk}, of {worst.name}" if worst else ""
        text = f"No attack does clearly better on real training rows than on held-out ones{most}."
        return Statement(level="good", subject="Attacks", text=text)
    text = (
        f"{len(real)} of {len(figures.results)} attacks do better on real training rows than on held-out ones; "
        f"the highest risk is {worst.risk}, of {worst.name}."
    )
    return Statement(level="bad", subject="Attacks", text=text)


def of_parity(findings: Sequence[Finding] | None) -> Statement:
    """Whether a notebook that runs on the sample runs on the real data."""
    if findings is None:
        text = "Not tried: the starter notebooks on real rows. Try it with: pkit challenge report FOLDER --parity"
        return Statement(level="look", subject="Notebooks", text=text)
    if not findings:
        text = "The starter notebooks run on the sample and on the real rows alike."
        return Statement(level="good", subject="Notebooks", text=text)
    level: Level = "bad" if any(finding.level == "error" for finding in findings) else "look"
    text = f"{len(findings)} differences between a run on the sample and one on the real rows; they are listed below."
    return Statement(level=level, subject="Notebooks", text=text)
