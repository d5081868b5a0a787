"""Splitting a table into what a notebook learns from, what it predicts, and what only the scorer sees."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from participant_kit.challenge.folder import LABELS, PRIVATE, TABLES, ChallengeFolder
from participant_kit.challenge.table import write_table
from participant_kit.organizer.errors import OrganizerError

MIN_CLASS = 2
"""Rows of each class that every part needs."""


def split_table(
    frame: pd.DataFrame, target: str, phases: Sequence[str], *, test_share: float, seed: int, by_class: bool
) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """``frame``, shape (rows, columns), as the training rows and, for each phase, test rows of its own.

    ``test_share`` of the rows, in (0, 1), are test rows, the same number for each phase. With ``by_class``
    every part has the classes of ``target`` in the shares of the whole. Raises :class:`OrganizerError` for
    too few rows.
    """
    count = int(len(frame) * test_share / len(phases))
    classes = frame[target].value_counts() if by_class else pd.Series([len(frame)])
    if count < 5 or int(classes.min()) * test_share / len(phases) < MIN_CLASS:
        need = f"{MIN_CLASS} rows of each of its {len(classes)} classes" if by_class else "5 rows"
        raise OrganizerError(
            f"{len(frame)} rows are too few: the test rows of each of {len(phases)} phases would not hold {need}.",
            hint="Give more rows, leave out rare classes, or raise --test-share.",
        )
    train, tests = frame.reset_index(drop=True), {}
    for phase in phases:
        share = count / len(train)
        of_class = train.groupby(target, observed=True) if by_class else train
        tests[phase] = of_class.sample(frac=share, random_state=seed).sample(frac=1, random_state=seed)
        train = train.drop(tests[phase].index)
    return train.sample(frac=1, random_state=seed), tests


def write_phases(folder: ChallengeFolder, train: pd.DataFrame, tests: dict[str, pd.DataFrame]) -> None:
    """Write the private tables of every phase of ``folder``, which nobody but its owner may read."""
    data = folder.card.data
    for phase, test in tests.items():
        private = folder.private_dir(phase)
        tables = dict(zip(TABLES, (train, test.drop(columns=data.target)), strict=True))
        tables[LABELS] = test[[data.identifier, data.target]]
        for name, table in tables.items():
            write_table(table.reset_index(drop=True), private / f"{name}.parquet")
    (folder.root / PRIVATE).chmod(0o700)
