"""The default: a sample drawn from a model that was learned with differential privacy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from participant_kit.challenge.codebook import Codebook, Column, PrivacyUnit
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.challenge.table import conform
from participant_kit.organizer.errors import OrganizerError
from participant_kit.organizer.synthesize.accountant import Accountant, epsilon_of
from participant_kit.organizer.synthesize.base import Guarantee, Request, Sample
from participant_kit.organizer.synthesize.coded import read_coded
from participant_kit.organizer.synthesize.coding import MAX_CODES, Coding, interval_codings, with_dates
from participant_kit.organizer.synthesize.learn import learn_tree
from participant_kit.organizer.synthesize.ledger import charge, new_entry
from participant_kit.organizer.synthesize.schema import identifiers, split_sample, without_structural_zeros
from participant_kit.organizer.synthesize.tree import Tree

EPSILON = 1.0
MIN_ROWS, MAX_ROWS = 50, 20_000
"""Bounds of the rows of train when the organizer names no number: then it is about as many as there are."""

_STATEMENT = (
    "({epsilon:g}, {delta:g})-differentially private: whatever is computed from this sample, the presence of one "
    "{unit} changes its probability by a factor of at most exp({epsilon:g}), but for a chance of {delta:g}."
)


class PrivateSynthesizer:
    """A tree of pairwise marginals, conditioned; see :mod:`participant_kit.organizer.synthesize.learn`."""

    name = "private"
    mechanism = (
        "tree of pairwise marginals conditioned on the target and a super-parent; "
        "discrete Gaussian noise and noisy maximum, zCDP"
    )
    conditioned = True

    def synthesize(self, folder: ChallengeFolder, request: Request) -> Sample:
        """See :class:`~participant_kit.organizer.synthesize.base.Synthesizer`.

        Spends ``request.epsilon`` of the card's limit before it looks at the training rows of the first phase.
        """
        card, codebook = folder.card, folder.codebook
        data, privacy = card.data, card.privacy
        _check(request, codebook)
        unit = codebook.privacy_unit or PrivacyUnit(column=data.identifier)
        person = codebook.privacy_unit.column if codebook.privacy_unit else "row"
        coded = interval_codings(codebook.columns, left_out=(data.identifier, unit.column))
        target = next(position for position, coding in enumerate(coded) if coding.name == data.target)
        table, outside = read_coded(folder.private_dir(card.phases[0].name) / "train.parquet", coded, unit)
        entry = new_entry(self.name, request.epsilon or EPSILON, privacy, person, unit.rows)
        total = charge(folder, entry, privacy)
        accountant = Accountant(table, entry.rho, unit.rows)
        tree = learn_tree(accountant, coded, target, rows=privacy.rows, conditioned=self.conditioned)
        rows = request.rows or int(np.clip(_two_digits(tree.rows), MIN_ROWS, MAX_ROWS))
        drawn = _draw(tree, coded, codebook, (rows, request.test_rows or max(rows // 2, 1)), data.identifier)
        epsilon = epsilon_of(accountant.cost, privacy.delta)
        guarantee = Guarantee(
            mode=self.name,
            looks_at_data=True,
            statement=_STATEMENT.format(epsilon=round(epsilon, 6), delta=privacy.delta, unit=person),
            epsilon=epsilon,
            delta=privacy.delta,
            epsilon_total=total,
            privacy_unit=person,
            rows_per_unit=unit.rows,
            mechanism=self.mechanism,
        )
        return Sample(split_sample(drawn, rows, data.target), guarantee, _notes(outside, unit, coded))


class MSTSynthesizer(PrivateSynthesizer):
    """The same without regard to the target: a spanning tree of pairs (MST; McKenna, Miklau and Sheldon, 2021)."""

    name = "mst"
    mechanism = "spanning tree of pairwise marginals; discrete Gaussian noise and noisy maximum, zCDP"
    conditioned = False


def _check(request: Request, codebook: Codebook) -> None:
    if request.seed is not None:
        raise OrganizerError(
            "The private mode takes no seed: who knows the seed can take the noise off.", hint="Leave --seed out."
        )
    if request.epsilon is not None and not 0.01 <= request.epsilon <= 100:
        raise OrganizerError(f"Epsilon is {request.epsilon:g}.", hint="Give one from 0.01 to 100; 1 is usual.")
    if drafts := [name for name, column in codebook.columns.items() if column.draft]:
        raise OrganizerError(
            f"{len(drafts)} columns of the codebook are drafts, guessed from the data: {', '.join(drafts[:5])}"
            f"{', ...' if len(drafts) > 5 else ''}. The guarantee holds only for what a person has decided.",
            hint="Read each, correct it, then confirm it with: pkit challenge confirm FOLDER",
        )


def _two_digits(rows: float) -> int:
    return int(round(rows, 1 - math.floor(math.log10(rows))))


def _draw(
    tree: Tree, codings: list[Coding], codebook: Codebook, sizes: tuple[int, int], identifier: str
) -> pd.DataFrame:
    """The rows of train and then those of test, as the codebook wants them."""
    random, count = np.random.default_rng(), sum(sizes)
    codes = tree.draw(count, random)
    drawn = {coding.name: coding.decode(of, random) for coding, of in zip(codings, codes, strict=True)}
    drawn[identifier] = identifiers(codebook.columns[identifier], count)
    if (unit := codebook.privacy_unit) and unit.column != identifier:
        drawn[unit.column] = _persons(codebook.columns[unit.column], unit.rows, sizes, random)
    frame = pd.DataFrame(drawn)
    frame = without_structural_zeros(frame, frame.copy(), codebook, (identifier, codings[tree.target].name))
    return conform(with_dates(frame, codebook), codebook)


def _persons(column: Column, most: int, sizes: tuple[int, int], random: np.random.Generator) -> pd.Series[Any]:
    """Who each row belongs to: people of 1 to ``most`` rows, as many of each, none of them in both tables."""
    parts, first = [], 0
    for size in sizes:
        parts.append(first + np.repeat(np.arange(size), random.integers(1, most + 1, size))[:size])
        first = int(parts[-1][-1]) + 1
    names = identifiers(column, first)
    return names.iloc[np.concatenate(parts)].reset_index(drop=True)


def _notes(outside: dict[str, int], unit: PrivacyUnit, codings: list[Coding]) -> list[str]:
    """What the organizer is to know, and nobody else: it counts private rows."""
    notes = []
    if surplus := outside.pop("", 0):
        notes.append(
            f"{surplus} rows were left out: their {unit.column!r} has more than {unit.rows} rows, or is missing."
        )
    of_name = {coding.name: coding for coding in codings}
    for name, count in outside.items():
        column = of_name[name].column
        rule = "were moved to the nearest bound" if column.minimum is not None else "were counted as missing"
        if column.step > 1:
            rule = "were moved to the nearest bound, or to the step below"
        if column.minimum is None and not column.nullable:
            rule = "were not counted, because the column is not nullable"
        if since := of_name[name].since:
            rule = f"of days since {since!r} {rule}, or had no such date and were counted as missing"
        notes.append(f"{name}: {count} values outside the codebook's domain {rule}.")
    for coding in codings:
        levels = len(coding.column.level_names)
        if levels > MAX_CODES and not coding.column.groups:
            notes.append(
                f"{coding.name}: its {levels} levels were counted in {coding.values} blocks of neighbours; "
                "name groups in the codebook to choose them."
            )
    return notes
