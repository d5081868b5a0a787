"""The organizer's report: the sample beside the real data. It stays where the real data is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from participant_kit.challenge.finding import Finding
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.organizer.report import verdict
from participant_kit.organizer.report.attacks import AttackFigures
from participant_kit.organizer.report.columns import ColumnFigures, column_figures
from participant_kit.organizer.report.interval import Figures, subsample
from participant_kit.organizer.report.pairs import PairFigures, pair_figures
from participant_kit.organizer.report.risk import Copies, Nearness, copies, nearness
from participant_kit.organizer.report.tables import ROWS, Tables, input_names, read_tables
from participant_kit.organizer.report.usefulness import Usefulness, problem_of, usefulness
from participant_kit.organizer.report.verdict import Statement
from participant_kit.organizer.synthesize.base import Guarantee


class OrganizerReport(Figures):
    """Everything that ``private/sample_report.html`` shows. It tells of the real data, and stays beside it.

    ``rows`` by table; ``rows_used``: how many of each are looked at, at most.
    """

    slug: str
    title: str
    phase: str
    guarantee: Guarantee
    verdict: list[Statement]
    rows: dict[str, int]
    rows_used: int
    target: str
    usefulness: Usefulness
    columns: list[ColumnFigures]
    pairs: PairFigures | None
    copies: Copies | None
    nearness: Nearness | None
    attacks: AttackFigures | None
    parity: list[str] | None
    notes: list[str]


def organizer_report(
    folder: ChallengeFolder,
    guarantee: Guarantee,
    *,
    notes: Sequence[str] = (),
    phase: str | None = None,
    attacks: AttackFigures | None = None,
    parity: Sequence[Finding] | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> OrganizerReport:
    """Compare the sample of ``folder`` with the real tables of ``phase``. Raises like :func:`read_tables`."""
    tell("Reading the tables")
    all_rows = read_tables(folder, phase)
    card, codebook, target = folder.card, folder.codebook, folder.card.data.target
    tables = Tables(
        all_rows.phase,
        *(subsample(table, ROWS) for table in (all_rows.train, all_rows.held_out)),
        *(subsample(table, ROWS) for table in (all_rows.synthetic, all_rows.synthetic_test)),
    )
    inputs = input_names(card, codebook)
    names = [target, *inputs]
    tell(f"Comparing {len(names)} columns")
    columns = column_figures(codebook, names, {"real": tables.train, "synthetic": tables.synthetic})
    tell("Comparing pairs of columns")
    pairs = pair_figures(codebook, names, target, tables.train, tables.synthetic, tables.held_out)
    tell("Training models on the sample and on real rows")
    problem = problem_of(card, codebook, [tables.train, tables.held_out, tables.synthetic])
    useful = usefulness(problem, tables.synthetic, tables.train, tables.held_out)
    tell("Looking for real rows in the sample")
    sample = all_rows.sample[inputs]
    copied = copies(sample, all_rows.train[inputs], all_rows.held_out[inputs])
    near = nearness(codebook, inputs, subsample(sample, ROWS), tables.train, tables.held_out)
    return OrganizerReport(
        slug=card.slug,
        title=card.title,
        phase=tables.phase,
        guarantee=guarantee,
        verdict=[
            verdict.of_guarantee(guarantee),
            verdict.of_usefulness(useful),
            verdict.of_columns(columns),
            verdict.of_copies(copied),
            *verdict.of_nearness(near),
            verdict.of_attacks(attacks),
            verdict.of_parity(parity),
        ],
        rows={
            "real training": len(all_rows.train),
            "real held-out": len(all_rows.held_out),
            "synthetic training": len(all_rows.synthetic),
            "synthetic test": len(all_rows.synthetic_test),
        },
        rows_used=ROWS,
        target=target,
        usefulness=useful,
        columns=columns,
        pairs=pairs,
        copies=copied,
        nearness=near,
        attacks=attacks,
        parity=None if parity is None else [str(finding) for finding in parity],
        notes=list(notes),
    )
