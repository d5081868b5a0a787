"""The reports on a sample as files: what they hold, what they do not, and how they can be read."""

from __future__ import annotations

import inspect
import json
import re
import shutil
import sys
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from platformdirs import user_cache_path

from participant_kit.challenge.errors import ChallengeError
from participant_kit.challenge.finding import Finding
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.challenge.table import conform, write_table
from participant_kit.execution.environment import Environment, environment_digest
from participant_kit.organizer.errors import OrganizerError
from participant_kit.organizer.report import attacks as attacks_module
from participant_kit.organizer.report import run_attacks, write_organizer_report, write_published_report
from participant_kit.organizer.report.attacks import REQUIREMENTS, Attack, AttackFigures
from participant_kit.organizer.report.interval import Interval
from participant_kit.organizer.report.published import published_report
from participant_kit.organizer.synthesize.base import Guarantee

PRIVATE = Guarantee(
    mode="private", looks_at_data=True, statement="It hides each patient.", epsilon=2.5, delta=1e-6, epsilon_total=4.0,
    privacy_unit="patient", rows_per_unit=3, mechanism="marginals with noise",
)  # fmt: skip
NONE = Guarantee(mode="bootstrap", looks_at_data=True, statement="")
SCHEMA = Guarantee(mode="schema", looks_at_data=False, statement="")
SECRET = "zz-only-in-the-real-rows"

COLUMNS: dict[str, dict[str, Any]] = {
    "patient": {"type": "integer", "minimum": 1, "maximum": 99_999},
    "age": {"type": "integer", "minimum": 18, "maximum": 95, "unit": "years"},
    "bmi": {"type": "number", "minimum": 10, "maximum": 80, "nullable": True, "description": "Weight <over> height²"},
    "ward": {"type": "category", "levels": ["A & E", "<b>B</b>", "C"]},
    "smoker": {"type": "boolean", "nullable": True},
    "note": {"type": "text", "nullable": True},
    "died": {"type": "integer", "minimum": 0, "maximum": 1},
}


def rows(folder: ChallengeFolder, count: int, seed: int, note: str = "text") -> pd.DataFrame:
    random = np.random.default_rng(seed)
    age = random.integers(18, 95, count)
    frame = pd.DataFrame({"patient": np.arange(count) + 1 + 1000 * seed, "age": age})
    frame["bmi"] = np.where(random.random(count) < 0.1, np.nan, random.normal(27, 4, count).clip(10, 80).round(2))
    frame["ward"] = random.choice(["A & E", "<b>B</b>", "C"], count)
    frame["smoker"] = pd.Series(random.random(count) < 0.4, dtype="boolean").mask(random.random(count) < 0.05)
    frame["note"] = note
    frame["died"] = (age + random.normal(0, 15, count) > 65).astype(int)
    return conform(frame, folder.codebook)


def make_challenge(root: Path) -> ChallengeFolder:
    """A challenge with 300 training rows, 120 held-out rows and a sample of 250 and 60 rows drawn alike."""
    card = {
        "schema_version": 1,
        "slug": "heart",
        "title": "Hearts & <minds>",
        "data": {"identifier": "patient", "target": "died"},
        "submission": {"columns": {"patient": "integer", "prediction": "number"}},
        "metrics": [{"name": "roc_auc_score", "higher_is_better": True, "range": [0, 1], "primary": True}],
        "phases": [
            {"name": "first", "starts": "2026-01-01", "ends": "2027-01-01"},
            {"name": "second", "starts": "2027-01-01", "ends": "2028-01-01"},
        ],
    }
    made = ChallengeFolder(root)
    made.card_path.write_text(yaml.safe_dump(card))
    (made.root / "codebook.yaml").write_text(yaml.safe_dump({"schema_version": 1, "columns": COLUMNS}, sort_keys=False))
    for phase, seed in (("first", 1), ("second", 5)):
        held_out, private = rows(made, 120, seed + 1, SECRET), made.private_dir(phase)
        write_table(rows(made, 300, 1, SECRET), private / "train.parquet")
        write_table(held_out.drop(columns="died"), private / "test.parquet")
        write_table(held_out[["patient", "died"]].sample(frac=1, random_state=0), private / "labels.parquet")
    write_table(rows(made, 250, 3), made.sample_dir / "train.parquet")
    write_table(rows(made, 60, 4).drop(columns="died"), made.sample_dir / "test.parquet")
    return made


@pytest.fixture
def folder(tmp_path: Path) -> ChallengeFolder:
    """A challenge of its own for each test."""
    return make_challenge(tmp_path)


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> ChallengeFolder:
    """A challenge with both reports, which tests only read."""
    made = make_challenge(tmp_path_factory.mktemp("heart"))
    write_organizer_report(made, PRIVATE, notes=["Two values were clipped."])
    write_published_report(made, PRIVATE)
    return made


class Page(HTMLParser):
    """What a page holds: its elements with their attributes, and its text."""

    VOID = ("meta", "path", "rect", "circle", "br")

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(path.read_text("utf-8"))
        assert not self.open, "elements that are not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def words(self) -> str:
        return " ".join(self.text.split())


@pytest.fixture(scope="module")
def organizers(reported: ChallengeFolder) -> Page:
    return Page(reported.root / "private" / "sample_report.html")


@pytest.fixture(scope="module")
def published(reported: ChallengeFolder) -> Page:
    return Page(reported.sample_dir / "report.html")


def test_the_organizers_report_says_that_it_looks_at_real_data_and_stays(organizers: Page) -> None:
    assert "This report looks at real data; it stays here, and is never part of a kit." in organizers.words
    assert "Two values were clipped." in organizers.words


def test_the_published_report_takes_no_private_table_and_is_the_same_without_any(folder: ChallengeFolder) -> None:
    assert list(inspect.signature(published_report).parameters) == ["card", "codebook", "guarantee", "train", "test"]
    page = write_published_report(folder, PRIVATE)
    before = page.read_bytes(), page.with_suffix(".json").read_bytes()
    shutil.rmtree(folder.root / "private")
    write_published_report(folder, PRIVATE)
    assert (page.read_bytes(), page.with_suffix(".json").read_bytes()) == before


def test_the_published_report_states_the_guarantee(published: Page) -> None:
    for text in ("It hides each patient.", "epsilon 2.5", "delta 1e-06", "each patient, with at most 3 rows"):
        assert text in published.words
    assert "real data; it stays here" not in published.words


def test_a_sample_without_a_guarantee_is_told_of_in_red_in_both_reports(folder: ChallengeFolder) -> None:
    report = write_organizer_report(folder, NONE)
    assert (report.verdict[0].level, report.verdict[0].subject) == ("bad", "Guarantee")
    for path in (folder.root / "private" / "sample_report.html", write_published_report(folder, NONE)):
        page = Page(path)
        assert "Real values may have been copied into it." in page.words
        assert "none is a person's" not in page.words
        assert any(attributes.get("class") == "alarm" for attributes in page.named("p"))


def test_a_sample_made_of_the_codebook_alone_needs_no_guarantee(folder: ChallengeFolder) -> None:
    page = Page(write_published_report(folder, SCHEMA))
    assert "can reveal nothing" in page.words
    assert "nothing to learn from it" in page.words
    assert not any(attributes.get("class") == "alarm" for attributes in page.named("p"))


def test_pages_need_nothing_but_themselves(organizers: Page, published: Page, reported: ChallengeFolder) -> None:
    for page in (organizers, published):
        assert not {name for name, _ in page.elements} & {"script", "link", "img", "iframe", "object", "base"}
        assert all(attributes["href"].startswith("#") for attributes in page.named("a"))
        assert not any(name.startswith("on") or name == "src" for _, each in page.elements for name in each)
    for path in reported.root.rglob("*.html"):
        assert not re.search(r"url\(|@import|https?:", path.read_text("utf-8"))


def test_every_link_leads_to_a_section(organizers: Page, published: Page) -> None:
    for page in (organizers, published):
        known = {attributes.get("id") for _, attributes in page.elements}
        assert {attributes["href"].removeprefix("#") for attributes in page.named("a")} <= known


def test_pictures_are_told_in_words_and_tables_have_headers(organizers: Page, published: Page) -> None:
    for page in (organizers, published):
        assert all(svg["role"] == "img" and svg["aria-label"] for svg in page.named("svg"))
        assert len(page.named("caption")) == len(page.named("table"))
        assert all(header["scope"] in ("row", "col") for header in page.named("th"))
        assert page.named("html")[0]["lang"] == "en"


def test_text_stands_out_from_the_paper_in_light_and_in_dark() -> None:
    style = (files("participant_kit.organizer") / "templates" / "report_style.css.j2").read_text()

    def luminance(colour: str) -> float:
        digits = colour if len(colour) == 6 else "".join(digit * 2 for digit in colour)
        parts = [int(digits[index : index + 2], 16) / 255 for index in (0, 2, 4)]
        red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    def contrast(first: str, second: str) -> float:
        dark, light = sorted(map(luminance, (first, second)))
        return (light + 0.05) / (dark + 0.05)

    schemes = [
        dict(re.findall(r"--([a-z-]+): #([0-9a-f]{3,6});", block)) for block in style.split("@media (prefers")[:2]
    ]
    for colours in schemes:
        for name in ("ink", "soft", "good", "look", "bad"):
            assert contrast(colours[name], colours["paper"]) >= 4.5, name
        assert contrast(colours["bad"], colours["bad-paper"]) >= 4.5
        assert contrast(colours["synthetic"], colours["paper"]) >= 3


def test_what_the_codebook_says_cannot_become_markup(organizers: Page, published: Page) -> None:
    for page in (organizers, published):
        assert "Hearts & <minds>" in page.words
        assert "Weight <over> height²" in page.words
        assert "<b>B</b>" in page.text
        assert not page.named("over")


def test_no_text_of_a_real_row_is_in_a_report(reported: ChallengeFolder) -> None:
    for name in ("sample_report.html", "sample_report.json", "report.html", "report.json"):
        (path,) = reported.root.rglob(name)
        assert SECRET not in path.read_text("utf-8")


def test_the_json_holds_the_figures_of_the_page(reported: ChallengeFolder, organizers: Page) -> None:
    figures = json.loads((reported.root / "private" / "sample_report.json").read_text("utf-8"))
    for model in figures["usefulness"]["models"]:
        assert f"{model['on_real']['value']:.3f}" in organizers.words
    assert f"{figures['pairs']['mean']:.3f}" in organizers.words
    assert figures["guarantee"]["epsilon"] == 2.5
    own = json.loads((reported.sample_dir / "report.json").read_text("utf-8"))
    assert [column["name"] for column in own["columns"]] == ["died", "age", "bmi", "ward", "smoker", "note"]
    assert all(list(column["spreads"]) == ["synthetic"] for column in own["columns"])


def test_the_same_tables_give_the_same_files(folder: ChallengeFolder) -> None:
    path = folder.root / "private" / "sample_report.html"
    report = write_organizer_report(folder, PRIVATE)
    before = path.read_bytes()
    assert write_organizer_report(folder, PRIVATE) == report
    assert path.read_bytes() == before
    assert json.loads(path.with_suffix(".json").read_text("utf-8")) == json.loads(report.model_dump_json())


def test_held_out_rows_are_those_of_the_phase_with_their_labels(folder: ChallengeFolder) -> None:
    first, second = (write_organizer_report(folder, PRIVATE, phase=phase) for phase in (None, "second"))
    assert (first.phase, second.phase) == ("first", "second")
    assert first.usefulness.models[0].on_real.value > 0.8  # labels are joined by identifier, in whatever order
    assert second.usefulness.models != first.usefulness.models
    with pytest.raises(OrganizerError, match="no phase 'third'"):
        write_organizer_report(folder, PRIVATE, phase="third")


def test_a_good_sample_has_a_good_verdict(folder: ChallengeFolder) -> None:
    report = write_organizer_report(folder, PRIVATE, parity=[])
    levels = {statement.subject: statement.level for statement in report.verdict}
    assert {levels[subject] for subject in ("Guarantee", "Columns", "Copies", "Notebooks")} == {"good"}
    assert levels["Membership"] != "bad"
    assert levels["Attacks"] == "look"


def test_copied_rows_are_bad(folder: ChallengeFolder) -> None:
    train = pd.read_parquet(folder.private_dir("first") / "train.parquet")
    write_table(train.iloc[:100], folder.sample_dir / "train.parquet")
    report = write_organizer_report(folder, NONE)
    levels = {statement.subject: statement.level for statement in report.verdict}
    assert report.copies.of_train == 100
    assert levels["Copies"] == levels["Membership"] == "bad"
    assert "100 of 160 synthetic rows equal a real training row" in report.verdict[3].text


def test_another_distribution_is_marked(folder: ChallengeFolder) -> None:
    table = rows(folder, 250, 3)
    table["age"] = pd.array([20] * 250, dtype="Int64")
    write_table(table, folder.sample_dir / "train.parquet")
    statement = next(each for each in write_organizer_report(folder, PRIVATE).verdict if each.subject == "Columns")
    assert (statement.level, statement.text.endswith("real: age.")) == ("look", True)


def test_findings_of_notebooks_are_listed(folder: ChallengeFolder) -> None:
    finding = Finding("starter.ipynb", "the same columns", "one more", cell=3)
    report = write_organizer_report(folder, PRIVATE, parity=[finding])
    assert (report.verdict[-1].level, report.parity) == ("bad", [str(finding)])
    assert str(finding) in Page(folder.root / "private" / "sample_report.html").words


def test_tables_that_are_missing_are_told(folder: ChallengeFolder) -> None:
    (folder.private_dir("first") / "labels.parquet").unlink()
    with pytest.raises(ChallengeError, match="no table"):
        write_organizer_report(folder, PRIVATE)
    (folder.sample_dir / "test.parquet").unlink()
    with pytest.raises(ChallengeError, match="no table"):
        write_published_report(folder, PRIVATE)


def test_attacks_are_in_the_report_and_high_risks_are_bad(folder: ChallengeFolder) -> None:
    attack = Attack(
        kind="inference", columns=4, secret="bmi", risk=Interval(value=0.4, low=0.3, high=0.5), train_rate=0.6,
        control_rate=0.33,
    )  # fmt: skip
    figures = AttackFigures(rows=120, synthetic_rows=250, attacks=100, results=[attack])
    report = write_organizer_report(folder, PRIVATE, attacks=figures)
    statement = next(each for each in report.verdict if each.subject == "Attacks")
    assert statement.level == "bad"
    assert "0.400 (0.300 to 0.500), of inference of bmi" in statement.text
    harmless = attack.model_copy(update={"risk": Interval(value=0.15, low=0.0, high=0.3)})
    report = write_organizer_report(folder, PRIVATE, attacks=figures.model_copy(update={"results": [harmless]}))
    assert next(each for each in report.verdict if each.subject == "Attacks").level == "good"


def answer(**changed: Any) -> str:
    risk = {"value": 0.1, "low": 0.0, "high": 0.2}
    attack = {"kind": "inference", "columns": 4, "secret": "c0", "risk": risk, "train_rate": 0.3, "control_rate": 0.2}
    return json.dumps([attack | changed])


def test_attacks_get_as_many_held_out_rows_as_training_rows_and_no_names(folder: ChallengeFolder) -> None:
    seen: dict[str, Any] = {}

    def run(given: Path, settings: str) -> str:
        seen.update({path.stem: pd.read_parquet(path) for path in given.iterdir()}, settings=json.loads(settings))
        assert given.parent == folder.root / "private"
        return answer()

    figures = run_attacks(folder, run=run)
    train, control, synthetic, settings = (seen[name] for name in ("train", "control", "synthetic", "settings"))
    assert len(train) == len(control) == figures.rows == 120
    assert len(synthetic) == figures.synthetic_rows == 250
    assert list(train) == list(control) == list(synthetic) == ["c0", "c1", "c2", "c3", "c4"]  # no note, no patient
    assert sorted(settings["halves"][0] + settings["halves"][1]) == list(train)
    assert settings["secrets"][0] == "c4"  # the target
    assert {str(dtype) for dtype in train.dtypes} <= {"float64", "object", "str"}
    assert figures.results[0].secret == "age"
    assert not list((folder.root / "private").glob(".attack-*"))


def test_an_answer_that_is_none_is_told(folder: ChallengeFolder) -> None:
    for text in ("", "[1]", answer(kind="theft"), answer(risk=None)):
        with pytest.raises(OrganizerError, match="no figures that can be read"):
            run_attacks(folder, run=lambda given, settings, text=text: text)


def test_too_few_rows_for_attacks_are_told(folder: ChallengeFolder) -> None:
    write_table(rows(folder, 5, 3), folder.sample_dir / "train.parquet")
    with pytest.raises(OrganizerError, match="at least 10 rows"):
        run_attacks(folder, run=lambda given, settings: answer())


def test_attacks_that_fail_quote_no_value(folder: ChallengeFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    script = folder.root / "script.py"
    script.write_text(f"raise ValueError({SECRET!r})")
    environment = Environment(Path(sys.prefix), "")
    with pytest.raises(OrganizerError, match=r"ended with ValueError\.") as caught:
        attacks_module._run(environment, script, folder.root, "{}")
    assert SECRET not in str(caught.value)


def _attacks_can_be_run() -> bool:
    digest = environment_digest((files("participant_kit.organizer.report") / REQUIREMENTS).read_bytes())
    return (user_cache_path("participant-kit") / "environments" / digest[:24] / "complete").exists()


@pytest.mark.skipif(not _attacks_can_be_run(), reason="the environment of the attacks was not made on this machine")
def test_attacks_find_copies(folder: ChallengeFolder) -> None:
    train = pd.read_parquet(folder.private_dir("first") / "train.parquet")
    write_table(train, folder.sample_dir / "train.parquet")
    figures = run_attacks(folder)
    assert {attack.kind for attack in figures.results} == {"singling out", "linkability", "inference"}
    assert max(attack.risk.low for attack in figures.results) > 0.3
