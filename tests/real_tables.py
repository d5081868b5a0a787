"""Real tables that installed packages carry, all of their columns, and challenges made of them.

Data files are read where they lie; no package is imported for its data but scikit-learn.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import distributions
from io import StringIO
from pathlib import Path

import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GroupShuffleSplit

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.challenge.table import write_table
from participant_kit.organizer.confirm import confirm_columns
from participant_kit.organizer.scaffold import new_challenge
from participant_kit.organizer.split import write_phases

IDENTIFIER = "row"
"""The identifier of a table that has none."""


@dataclass(frozen=True)
class RealTable:
    """One table, shape (rows, columns), whose ``identifier`` and binary ``target`` are columns of ``frame``.

    ``giveaways`` are the columns that are known only where the target is, or say it in other words. Rows that are
    equal in the columns ``person`` are taken for one person's, where a person has several.
    """

    name: str
    frame: pd.DataFrame
    identifier: str
    target: str
    giveaways: tuple[str, ...] = ()
    person: tuple[str, ...] = ()

    def without_giveaways(self) -> RealTable:
        """The table as a careful organizer would publish it."""
        return RealTable(self.name, self.frame.drop(columns=list(self.giveaways)), self.identifier, self.target)


def nhanes() -> RealTable:
    """A health survey, 8,187 x 198: the answers "yes" and "no" to a diagnosis of diabetes.

    National Health and Nutrition Examination Survey 2017-2018, CDC/NCHS, public domain.
    """
    path = _packaged("nhanes", "nhanes/combined_data/2017-2018/NHANES_data_2017-2018.tsv")
    frame = pd.read_csv(path, sep="\t", low_memory=False)
    target = "DoctorToldYouHaveDiabetes"
    frame = frame[frame[target].isin(["0", "1"])].astype({target: "int64"}).reset_index(drop=True)
    giveaways = (
        "AgeWhenFirstToldYouHadDiabetes",
        "DiabeticDiet",
        "EverToldHaveHealthRiskForDiabetes",
        "EverToldYouHavePrediabetes",
        "Glycohemoglobin",
        "TakeDiabeticPillsToLowerBloodSugar",
        "TakingInsulinNow",
        "WhatWasYourLastA1CLevel",
    )
    return RealTable("nhanes", frame, "SEQN", target, giveaways)


def randhie() -> RealTable:
    """A health insurance experiment, 20,190 x 11: whether a person saw a doctor in a year.

    RAND Health Insurance Experiment, in the form of A. C. Cameron and P. K. Trivedi, Microeconometrics (2005).
    """
    frame = pd.read_csv(_packaged("statsmodels", "statsmodels/datasets/randhie/randhie.csv"))
    frame.insert(0, "any_visit", (frame.pop("mdvis") > 0).astype("int64"))
    person = tuple(name for name in frame if name != "any_visit")
    return RealTable("randhie", _numbered(frame), IDENTIFIER, "any_visit", person=person)


def nhefs() -> RealTable:
    """A follow-up of smokers, 1,629 x 67: who had died by 1992.

    NHANES I Epidemiologic Follow-up Study, in the form of M. A. Hernan and J. M. Robins, Causal Inference (2020).
    """
    frame = pd.read_stata(_packaged("causaldata", "causaldata/nhefs/nhefs.dta"))
    return RealTable("nhefs", frame, "seqn", "death", ("yrdth", "modth", "dadth"))


def actg175() -> RealTable:
    """A trial of HIV drugs, 2,139 x 27: in whom the disease advanced. S. M. Hammer et al., NEJM 335 (1996)."""
    frame = pd.read_csv(_packaged("lifelines", "lifelines/datasets/ACTG175.csv"), index_col=0)
    return RealTable("actg175", frame.reset_index(drop=True), "pidnum", "cens", ("days",))


def breast_cancer() -> RealTable:
    """Images of cells, 569 x 32: which tumors are benign. W. N. Street et al., SPIE 1905 (1993)."""
    return RealTable("breast_cancer", _numbered(load_breast_cancer(as_frame=True).frame), IDENTIFIER, "target")


def flchain() -> RealTable:
    """A study of free light chains in serum, 7,874 x 12: who had died. A. Dispenzieri et al., Mayo Clin Proc 87 (2012).

    scikit-survival, which carries it, is under the GPL; it is no part of what is installed here.
    """
    text = _packaged("scikit-survival", "sksurv/datasets/data/flchain.arff").read_text()
    head, rows = text.split("@data\n")
    names = [line.split()[1] for line in head.splitlines() if line.startswith("@attribute")]
    frame = pd.read_csv(StringIO(rows), names=names, na_values="?")
    frame["death"] = (frame["death"] == "dead").astype("int64")
    return RealTable("flchain", _numbered(frame), IDENTIFIER, "death", ("futime", "chapter"))


TABLES: dict[str, Callable[[], RealTable]] = {
    "nhanes": nhanes,
    "randhie": randhie,
    "nhefs": nhefs,
    "actg175": actg175,
    "breast_cancer": breast_cancer,
}
"""Every table, by name. Loading raises :class:`FileNotFoundError` where no installed package carries it."""
MORE_TABLES: dict[str, Callable[[], RealTable]] = {"flchain": flchain}
"""Those of packages that are not installed for tests."""


def challenge_of(
    table: RealTable, folder: Path, *, test_share: float = 0.3, seed: int = 0, by_person: bool = False
) -> ChallengeFolder:
    """A challenge in the new folder ``folder``, whose drafted codebook was confirmed as it stands.

    With ``by_person`` nobody has both training and test rows.
    """
    with tempfile.TemporaryDirectory() as temporary:
        data = Path(temporary, "table.parquet")
        write_table(table.frame, data)
        made = new_challenge(folder, data, table.target, table.identifier, test_share=test_share, seed=seed)
    confirm_columns(made, list(made.codebook.columns))
    if by_person and table.person:
        _split_by_person(made, table.person, test_share, seed)
    return ChallengeFolder(folder)


def _split_by_person(challenge: ChallengeFolder, person: tuple[str, ...], test_share: float, seed: int) -> None:
    phases = [phase.name for phase in challenge.card.phases]
    tests = [
        pd.read_parquet(private / "test.parquet").merge(pd.read_parquet(private / "labels.parquet"))
        for private in map(challenge.private_dir, phases)
    ]
    rows = pd.concat([pd.read_parquet(challenge.private_dir(phases[0]) / "train.parquet"), *tests], ignore_index=True)
    persons = rows.groupby(list(person), dropna=False, observed=True).ngroup()
    split = GroupShuffleSplit(1, test_size=test_share, random_state=seed)
    train, test = next(split.split(rows, groups=persons))
    parts = {phase: rows.iloc[test[number :: len(phases)]] for number, phase in enumerate(phases)}
    write_phases(challenge, rows.iloc[train], parts)


def _packaged(package: str, name: str) -> Path:
    """The file ``name`` of an installed package."""
    found = next(iter(distributions(name=package, path=[str(Path(sys.prefix, "tables")), *sys.path])), None)
    if found is None:
        raise FileNotFoundError(f"The package {package}, which carries this table, is not installed.")
    path = Path(str(found.locate_file(name)))
    if not path.is_file():
        raise FileNotFoundError(f"The package {package} is installed, but has no {name}.")
    return path


def _numbered(frame: pd.DataFrame) -> pd.DataFrame:
    frame.insert(0, IDENTIFIER, range(1, len(frame) + 1))
    return frame
