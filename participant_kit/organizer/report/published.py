"""The published report: what anybody may know of the sample. The private tables cannot be reached from here."""

from __future__ import annotations

import pandas as pd

from participant_kit.challenge.card import Card
from participant_kit.challenge.codebook import Codebook
from participant_kit.organizer.report.columns import ColumnFigures, column_figures
from participant_kit.organizer.report.interval import Figures, subsample
from participant_kit.organizer.report.pairs import StrongPairs, strong_pairs
from participant_kit.organizer.report.tables import ROWS, input_names
from participant_kit.organizer.report.usefulness import OwnUsefulness, own_usefulness, problem_of
from participant_kit.organizer.report.verdict import Statement, of_guarantee
from participant_kit.organizer.synthesize.base import Guarantee


class PublishedReport(Figures):
    """Everything that ``sample_data/report.html`` shows: made from the sample, and so covered by its guarantee."""

    slug: str
    title: str
    guarantee: Guarantee
    protection: Statement
    rows: dict[str, int]
    rows_used: int
    target: str
    own_usefulness: OwnUsefulness
    columns: list[ColumnFigures]
    pairs: StrongPairs | None


def published_report(
    card: Card, codebook: Codebook, guarantee: Guarantee, train: pd.DataFrame, test: pd.DataFrame
) -> PublishedReport:
    """Describe the sample's tables ``train`` and ``test``, in the codebook's dtypes; nothing else is looked at."""
    rows, target = {"training": len(train), "test": len(test)}, card.data.target
    train = subsample(train, ROWS)
    names = [target, *input_names(card, codebook)]
    return PublishedReport(
        slug=card.slug,
        title=card.title,
        guarantee=guarantee,
        protection=of_guarantee(guarantee),
        rows=rows,
        rows_used=ROWS,
        target=target,
        own_usefulness=own_usefulness(problem_of(card, codebook, [train]), train),
        columns=column_figures(codebook, names, {"synthetic": train}),
        pairs=strong_pairs(codebook, names, target, train),
    )
