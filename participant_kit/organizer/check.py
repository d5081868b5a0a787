"""Checking a challenge folder: everything against everything, all mistakes at once.

Findings name files, columns and counts, and never a value of the private tables.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import nbformat
import pandas as pd
from packaging.requirements import InvalidRequirement, Requirement

from participant_kit.challenge.alphabet import alphabet_of
from participant_kit.challenge.card import Card, Phase
from participant_kit.challenge.codebook import Codebook, Column
from participant_kit.challenge.document import line_of
from participant_kit.challenge.errors import ChallengeError, KitError
from participant_kit.challenge.finding import Finding, FindingsError
from participant_kit.challenge.folder import (
    CARD,
    GUARANTEE,
    INPUT,
    LABELS,
    NOTEBOOKS,
    PAGES,
    PICTURES,
    PRIVATE,
    REFERENCE,
    REPORT,
    SAMPLE,
    TABLES,
    TEXTS,
    ChallengeFolder,
)
from participant_kit.challenge.metrics import METRICS
from participant_kit.challenge.scoring_program import Kind, read_program
from participant_kit.challenge.table import check_table, read_table
from participant_kit.organizer.errors import OrganizerError
from participant_kit.organizer.leak import find_leaks, leaked_files
from participant_kit.organizer.synthesize import read_guarantee
from participant_kit.protocol.errors import ProtocolError
from participant_kit.protocol.keys import Role, read_key_ring

NEEDED = ("ipykernel", "papermill", "pandas", "pyarrow")
"""Packages without which no notebook can be run or read its tables."""

Tables = dict[str, pd.DataFrame]


def check_challenge(folder: ChallengeFolder) -> list[Finding]:
    """Every mistake in ``folder``: its card, codebook, requirements, tables, notebooks, keys and public half."""
    findings: list[Finding] = []
    try:
        card = folder.card
    except FindingsError as error:
        return error.findings
    if gpus := card.limits.gpus:
        line = line_of(folder.card_path, "limits", "gpus")
        findings.append(Finding(CARD, "0: no sandbox hands a GPU on yet", str(gpus), "limits.gpus", line))
    findings += _check_requirements(folder, card)
    findings += _check_notebooks(folder)
    findings += _check_scoring(folder, card)
    findings += _check_pages(folder, card)
    findings += _check_keys(folder)
    findings += _check_phases(folder, card)
    if card.tasks:
        return [*findings, *_check_tasks(folder, card), *leaked_files(folder)]
    try:
        codebook = folder.codebook
    except FindingsError as error:
        return [*findings, *error.findings]
    known = list(_check_roles(folder, card, codebook))
    findings += known
    findings += _check_drafts(folder, codebook)
    if any(finding.key.startswith("data.") for finding in known):
        return findings  # without an identifier and a target, nothing can be said of the tables
    private = {phase.name: _read_tables(folder, folder.private_dir(phase.name), findings) for phase in card.phases}
    sample = _read_tables(folder, folder.sample_dir, findings)
    for phase in card.phases:
        findings += _check_tables(card, codebook, private[phase.name], f"{PRIVATE}/{phase.name}")
        findings += _check_phase(card, phase, private[phase.name])
    findings += _check_apart(card, private)
    findings += _check_tables(card, codebook, sample, SAMPLE)
    findings += _check_guarantee(folder)
    return [*findings, *find_leaks(folder, private, sample)]


def _check_pages(folder: ChallengeFolder, card: Card) -> Iterator[Finding]:
    """The organizer's own pages, terms and image are there, and are what they should be."""
    named: list[tuple[str, str, tuple[str, ...]]] = []
    named += [(f"pages[{number}].file", page.file, TEXTS) for number, page in enumerate(card.pages)]
    named += [("terms", card.terms, TEXTS)] if card.terms else []
    named += [("image", card.image, tuple(PICTURES))] if card.image else []
    for key, file, kinds in named:
        if not file.lower().endswith(kinds):
            yield Finding(CARD, f"a file that ends in {', '.join(kinds)}", repr(file), key)
        elif not (folder.pages_dir / file).is_file():
            yield Finding(CARD, f"a file of the folder {PAGES}", f"no {PAGES}/{file}", key)


def _check_requirements(folder: ChallengeFolder, card: Card) -> Iterator[Finding]:
    file = card.environment.requirements
    try:
        lines = folder.requirements_path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        yield Finding(file, "a readable file of pinned packages", "none", "environment.requirements")
        return
    names = set()
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            yield Finding(file, "one package a line, as in pandas==2.2.3", repr(text[:60]), line=number)
            continue
        names.add(requirement.name.lower().replace("_", "-"))
        pins = [specifier for specifier in requirement.specifier if specifier.operator == "=="]
        if requirement.url or len(pins) != 1 or "*" in pins[0].version:
            yield Finding(file, "a pinned version, as in pandas==2.2.3", repr(text[:60]), line=number)
    for name in NEEDED[: 2 if card.tasks else None]:
        if name not in names:
            yield Finding(file, f"the package {name}, which runs notebooks or reads their tables", "none")


def _check_notebooks(folder: ChallengeFolder) -> Iterator[Finding]:
    paths = sorted(folder.notebooks_dir.glob("*.ipynb"))
    if not paths:
        yield Finding(f"{NOTEBOOKS}/", "at least one starter notebook; pkit challenge kit writes some", "none")
    for path in paths:
        file = f"{NOTEBOOKS}/{path.name}"
        try:
            notebook = nbformat.reads(path.read_text("utf-8"), as_version=4)
            nbformat.validate(notebook)
        except Exception as error:  # nbformat raises what its parsers raise
            yield Finding(file, "a notebook (nbformat 4)", type(error).__name__)
            continue
        parameters = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
        if len(parameters) != 1:
            yield Finding(file, "one cell tagged parameters", f"{len(parameters)}")
        for name in ("data_dir", "output_dir"):
            if len(parameters) == 1 and name not in parameters[0].source:
                yield Finding(file, f"{name} set in the cell tagged parameters", "none")
        for number, cell in enumerate(notebook.cells, 1):
            if cell.get("outputs") or cell.get("attachments"):
                yield Finding(
                    file, "no outputs, which could show real data", f"{len(cell.get('outputs', []))}", cell=number
                )


def _check_scoring(folder: ChallengeFolder, card: Card) -> Iterator[Finding]:
    if folder.scoring_path is None:
        return
    if not folder.scoring_path.is_dir():
        yield Finding(CARD, f"a folder {card.scoring}/", "none", "scoring", line_of(folder.card_path, "scoring"))
        return
    try:
        read_program(folder.scoring_path)
    except ChallengeError as error:
        yield Finding(f"{card.scoring}/metadata.yaml", error.hint, error.message)


def _check_tasks(folder: ChallengeFolder, card: Card) -> Iterator[Finding]:
    """The programs of the tasks, and what is there of each phase's data and of the sample."""
    for number, task in enumerate(card.tasks):
        programs: dict[Kind, str | None] = {"scoring": task.scoring, "ingestion": task.ingestion}
        for kind, name in programs.items():
            if name and not (folder.root / name).is_dir():
                line = line_of(folder.card_path, "tasks", number)
                yield Finding(CARD, f"a folder {name}/", "none", f"tasks.{number}.{kind}", line)
            elif name:
                try:
                    read_program(folder.root / name, kind)
                except ChallengeError as error:
                    yield Finding(f"{name}/metadata.yaml", error.hint, error.message)
        if task.beside and "landlock" not in card.sandbox.require:
            line = line_of(folder.card_path, "tasks", number)
            expected = "landlock in sandbox.require, which keeps links out of the folder that both programs share"
            yield Finding(CARD, expected, "none", f"tasks.{number}.beside", line, level="warning")
        yield from _check_task_data(folder, f"{SAMPLE}/{task.name}", INPUT, "warning")
    for phase in card.phases:
        for task in card.tasks_of(phase.name):
            yield from _check_task_data(folder, f"{PRIVATE}/{phase.name}/{task.name}", INPUT, "warning")
            yield from _check_task_data(folder, f"{PRIVATE}/{phase.name}/{task.name}", REFERENCE, "error")


def _check_task_data(
    folder: ChallengeFolder, where: str, name: str, level: Literal["error", "warning"]
) -> Iterator[Finding]:
    """At least one file (none is no error in a folder that is there), and no link, which leads nowhere in a sandbox."""
    paths = list((folder.root / where / name).rglob("*"))
    if not any(path.is_file() for path in paths):
        told = {
            INPUT: "at least one file, which is what a notebook reads",
            REFERENCE: "at least one file to score with",
        }
        yield Finding(
            f"{where}/{name}/", told[name], "none", level="warning" if (folder.root / where / name).is_dir() else level
        )
    for path in paths:
        if path.is_symlink():
            yield Finding(path.relative_to(folder.root).as_posix(), "a file of its own", "a link")


def _check_keys(folder: ChallengeFolder) -> Iterator[Finding]:
    if not folder.keys_path.exists():
        expected = "the runners' public keys; the data holder makes them with: pkit holder keys FILE --challenge FOLDER"
        yield Finding(folder.keys_path.name, expected, "no file", level="warning")
        return
    try:
        ring = read_key_ring(folder.keys_path)
    except ProtocolError as error:
        yield Finding(folder.keys_path.name, "public keys of runners", error.message)
        return
    if not any(keys.role == Role.BLIND for keys in ring.in_use()):
        yield Finding(folder.keys_path.name, "a key in use of a runner of the role blind", "none")


def _check_phases(folder: ChallengeFolder, card: Card) -> Iterator[Finding]:
    if max(phase.ends for phase in card.phases) <= datetime.now(UTC):
        line = line_of(folder.card_path, "phases")
        yield Finding(CARD, "a phase that is open or still to come", "none", "phases", line, level="warning")
    cost = alphabet_of(card).bits
    for name in ("budget_bits", "challenge_budget_bits", "data_budget_bits"):
        if cost > (budget := getattr(card.release, name)):
            line = line_of(folder.card_path, "release", name) or line_of(folder.card_path, "release")
            expected = f"at least the {cost:.1f} bits that one submission may reveal"
            yield Finding(CARD, expected, f"{budget:g}", f"release.{name}", line)


def _check_roles(folder: ChallengeFolder, card: Card, codebook: Codebook) -> Iterator[Finding]:
    """What the card says of columns, against what the codebook says."""
    file, columns = folder.codebook_path.name, codebook.columns
    for role, name in (("identifier", card.data.identifier), ("target", card.data.target)):
        if name not in columns:
            line = line_of(folder.card_path, "data", role)
            yield Finding(CARD, f"a column of {file}", repr(name), f"data.{role}", line)
        elif columns[name].nullable:
            line = line_of(folder.codebook_path, "columns", name)
            yield Finding(
                file, f"no missing values, because it is the {role}", "nullable: true", f"columns.{name}", line
            )
    identifier, target = columns.get(card.data.identifier), columns.get(card.data.target)
    if identifier:
        wanted, found = identifier.type, card.submission.columns[card.data.identifier]
        if wanted not in ("integer", "text"):
            line = line_of(folder.codebook_path, "columns", card.data.identifier, "type")
            yield Finding(
                file, "type integer or text for the identifier", wanted, f"columns.{card.data.identifier}", line
            )
        elif wanted != found:
            line = line_of(folder.card_path, "submission", "columns")
            yield Finding(CARD, f"{wanted}, as in {file}", found, f"submission.columns.{card.data.identifier}", line)
    if target and card.scoring is None:
        yield from _check_metrics(folder, card, target)


def _check_metrics(folder: ChallengeFolder, card: Card, target: Column) -> Iterator[Finding]:
    prediction = next(kind for name, kind in card.submission.columns.items() if name != card.data.identifier)
    two_classes = (
        target.type == "boolean"
        or len(target.levels or []) == 2
        or (target.type == "integer" and target.maximum - target.minimum == 1)
    )
    for index, metric in enumerate(card.metrics):
        reads = METRICS[metric.name].reads
        line = line_of(folder.card_path, "metrics", index)
        if reads == "probability" and not two_classes:
            yield Finding(CARD, "a target of two classes", f"type {target.type}", f"metrics.{index}.name", line)
        if reads == "value" and target.type not in ("integer", "number"):
            yield Finding(CARD, "a target that is a number", f"type {target.type}", f"metrics.{index}.name", line)
        if reads in ("probability", "value") and prediction == "text":
            yield Finding(
                CARD, f"predictions that are numbers, for {metric.name}", prediction, "submission.columns", line
            )


def _check_drafts(folder: ChallengeFolder, codebook: Codebook) -> Iterator[Finding]:
    if drafts := [name for name, column in codebook.columns.items() if column.draft]:
        line = line_of(folder.codebook_path, "columns", drafts[0])
        expected = "columns that somebody has read: correct each, then delete its draft: true"
        yield Finding(
            folder.codebook_path.name, expected, f"{len(drafts)} drafts", f"columns.{drafts[0]}", line, level="warning"
        )


def _read_tables(folder: ChallengeFolder, where: Path, findings: list[Finding]) -> Tables:
    """The tables in ``where`` by name; what cannot be read is missing, and among ``findings``."""
    tables = {}
    for name in (*TABLES, LABELS) if where != folder.sample_dir else TABLES:
        path = where / f"{name}.parquet"
        try:
            tables[name] = read_table(path)
        except KitError:
            found = "no file" if not path.exists() else "something else"
            findings.append(Finding(path.relative_to(folder.root).as_posix(), "a Parquet table", found))
    return tables


def _check_tables(card: Card, codebook: Codebook, tables: Tables, where: str) -> Iterator[Finding]:
    everything = list(codebook.columns)
    expected = {
        "train": everything,
        "test": [name for name in everything if name != card.data.target],
        LABELS: [card.data.identifier, card.data.target],
    }
    for name, table in tables.items():
        file = f"{where}/{name}.parquet"
        if table.empty:
            yield Finding(file, "at least one row", "none")
        yield from check_table(table, codebook, expected[name], file=file, identifier=card.data.identifier)


def _check_guarantee(folder: ChallengeFolder) -> Iterator[Finding]:
    """The sample is the one that the guarantee speaks of, and the published report was made of these two alone."""
    file = f"{SAMPLE}/{GUARANTEE}"
    try:
        guarantee = read_guarantee(folder)
    except OrganizerError as error:
        yield Finding(file, "what pkit challenge synthesize writes", error.message)
        return
    if guarantee is None:
        if any((folder.sample_dir / f"{name}.parquet").exists() for name in TABLES):
            yield Finding(
                file, "how the sample was made (pkit challenge synthesize writes it)", "no file", level="warning"
            )
        return
    for name, digest in guarantee.sha256.items():
        path = folder.sample_dir / f"{name}.parquet"
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            yield Finding(f"{SAMPLE}/{name}.parquet", f"the table that {GUARANTEE} speaks of", "another")
            return
    if guarantee.looks_at_data and guarantee.epsilon is None:
        yield Finding(file, "a guarantee: real values may have been copied", f"mode {guarantee.mode}", level="warning")
    found = [path for ending in ("html", "json") if (path := folder.sample_dir / f"{REPORT}.{ending}").is_file()]
    if found:
        from participant_kit.organizer.report import published_files  # half a second of imports

        made = published_files(folder, guarantee)
        for path in found:
            if path.read_text("utf-8") != made[path.suffix]:
                expected = "what the sample and its guarantee give, and nothing else; run pkit challenge report"
                yield Finding(f"{SAMPLE}/{path.name}", expected, "something else")


def _check_phase(card: Card, phase: Phase, tables: Tables) -> Iterator[Finding]:
    """Test rows and labels are of the same rows, of which none is in the training rows."""
    identifier, target = card.data.identifier, card.data.target
    ids = {name: set(table[identifier].dropna()) for name, table in tables.items() if identifier in table}
    where = f"{PRIVATE}/{phase.name}"
    if "test" in ids and LABELS in ids and ids["test"] != ids[LABELS]:
        bare, stray = len(ids["test"] - ids[LABELS]), len(ids[LABELS] - ids["test"])
        found = f"{bare} rows without a label, {stray} labels without a row"
        yield Finding(f"{where}/{LABELS}.parquet", "one label for each row of test.parquet", found, identifier)
    if "test" in ids and "train" in ids and (both := len(ids["test"] & ids["train"])):
        yield Finding(f"{where}/test.parquet", "rows that are not in train.parquet", f"{both} of both", identifier)
    labels = tables.get(LABELS)
    if labels is not None and target in labels and labels[target].nunique() < 2:
        yield Finding(f"{where}/{LABELS}.parquet", "at least two different values", "one", target)


def _check_apart(card: Card, private: dict[str, Tables]) -> Iterator[Finding]:
    """What is learned about the test rows of one phase is not to help in another."""
    seen: dict[object, str] = {}
    for phase, tables in private.items():
        if "test" in tables and card.data.identifier in tables["test"]:
            ids = tables["test"][card.data.identifier].dropna()
            if again := sum(1 for row in ids if seen.setdefault(row, phase) != phase):
                expected = "test rows of its own, so that one phase teaches nothing about another"
                file = f"{PRIVATE}/{phase}/test.parquet"
                yield Finding(file, expected, f"{again} of another phase", card.data.identifier)
