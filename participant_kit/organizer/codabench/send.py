"""A challenge folder becomes a Codabench bundle without a private row, and a folder with them for the worker."""

from __future__ import annotations

import io
import json
import shlex
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyrage
import yaml

import participant_kit
from participant_kit.challenge.card import Card
from participant_kit.challenge.document import dump_document
from participant_kit.challenge.finding import Finding, FindingsError
from participant_kit.challenge.folder import (
    CARD,
    INPUT,
    KEYS,
    LABELS,
    PAGES,
    PRIVATE,
    REFERENCE,
    SAMPLE,
    TABLES,
    ChallengeFolder,
    file_digest,
)
from participant_kit.challenge.scoring_program import read_program
from participant_kit.organizer.check import check_challenge
from participant_kit.organizer.codabench import programs
from participant_kit.organizer.codabench.archive import copy_tree
from participant_kit.organizer.codabench.bundle import is_key
from participant_kit.organizer.codabench.competition import NAME
from participant_kit.organizer.codabench.note import Note, to_markdown
from participant_kit.organizer.codabench.own import FOLDER, METADATA, wrap
from participant_kit.organizer.codabench.programs.place import PLACE, SEALED
from participant_kit.organizer.codabench.to_competition import (
    DEFAULT_IMAGE,
    MEANING,
    OWN_IMAGE,
    OWN_TERMS,
    Place,
    places_of,
    to_competition,
)
from participant_kit.organizer.errors import OrganizerError
from participant_kit.organizer.leak import secret_files
from participant_kit.organizer.public import public_files
from participant_kit.organizer.template import render

MODULES = ("card", "document", "errors", "finding", "memory", "metrics", "predictions", "ranking", "units")
"""What the scoring program imports of :mod:`participant_kit.challenge`."""
_TERMS = "Whoever takes part accepts the rules on the competition's pages.\n"


@dataclass(frozen=True)
class Exported:
    """The ``bundle``, the folder for the ``worker``, and what became of what the bundle says otherwise."""

    bundle: Path
    worker: Path
    notes: list[Note]


def export_challenge(
    folder: ChallengeFolder,
    bundle: Path,
    *,
    image: str = DEFAULT_IMAGE,
    keys: Mapping[str, str] | None = None,
) -> Exported:
    """Write the challenge in ``folder`` as the Codabench ``bundle``: a zip if it is so called, else a folder.

    Beside it comes ``NAME-worker``, with the private data for ``/app/data`` of the organizer's own worker. ``image``
    is the Docker image of the programs. ``keys`` name data that was uploaded to the server instead, by its place and
    part, as in ``final/input``.

    Raises :class:`FindingsError` when a check finds an error or Codabench has no room for something, and
    :class:`OrganizerError`; then nothing is written.
    """
    worker = bundle.parent / f"{bundle.name.removesuffix('.zip')}-worker"
    for path in (bundle, worker):
        if path.exists():
            raise OrganizerError(f"{path} exists.", hint="Name a new bundle, or remove it.")
    if errors := [finding for finding in check_challenge(folder) if finding.level == "error"]:
        raise FindingsError(errors, hint="Correct them, then export the challenge again.")
    card = folder.card
    _check_keys(card, keys or {})
    competition, notes = to_competition(card, image, keys)
    bundle.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".pkit-export-", dir=bundle.parent) as temporary:
        made, data = Path(temporary, "bundle"), Path(temporary, "worker")
        made.mkdir()
        data.mkdir(mode=0o700)
        (made / NAME).write_text(_head() + dump_document(competition, block=True), "utf-8")
        _write_pages(folder, made)
        _write_public(folder, made)
        _write_programs(folder, made)
        for place in places_of(card):
            _write_data(folder, place, made, data / card.slug, keys or {})
        _check_no_private(folder, made)
        (data / "README.md").write_text(_instructions(card, image, notes), "utf-8")
        (data / "requirements.txt").write_text(_requirements(folder))
        if bundle.name.endswith(".zip"):
            made = _zip(made, Path(temporary, "bundle.zip"))
        data.replace(worker)
        made.replace(bundle)
    return Exported(bundle, worker, notes)


def parse_keys(texts: Iterable[str]) -> dict[str, str]:
    """``PHASE/input=UUID`` for each of ``texts``, by place and part. Raises :class:`OrganizerError` with an example."""
    keys = {}
    for text in texts:
        place, _, key = text.partition("=")
        if not is_key(key):
            hint = "Write PHASE/input=UUID; the key of a data set is shown where you uploaded it."
            raise OrganizerError(f"{text!r} names no key.", hint=hint)
        keys[place] = key
    return keys


def _check_keys(card: Card, keys: Mapping[str, str]) -> None:
    known = [f"{place.path}/{part}" for place in places_of(card) for part in (INPUT, REFERENCE)]
    for name in keys:
        if name not in known:
            raise OrganizerError(f"There is no data {name!r}.", hint=f"Give keys of: {', '.join(known)}.")


def _head() -> str:
    return "# Made of a challenge card by participant-kit. Times are quoted: Codabench reads the day alone of others.\n"


def _write_pages(folder: ChallengeFolder, made: Path) -> None:
    card, pages = folder.card, made / "pages"
    pages.mkdir()
    for name in {*(page.file for page in card.pages), card.terms, card.image} - {None}:
        shutil.copyfile(folder.pages_dir / str(name), pages / str(name))
    if card.terms is None:
        (pages / OWN_TERMS).write_text(_TERMS)
    if card.image is None:
        import matplotlib.image
        import numpy as np

        matplotlib.image.imsave(pages / OWN_IMAGE, np.full((64, 64, 3), (0.2, 0.4, 0.6)))


def _write_public(folder: ChallengeFolder, made: Path) -> None:
    for name in ("starting_kit", "public_data"):
        (made / name).mkdir()
    for name, path in public_files(folder).items():
        if name == KEYS or name.startswith(f"{PAGES}/"):
            continue  # nothing is sealed to them there; pages have their own place
        place = f"public_data/{name.removeprefix(f'{SAMPLE}/')}" if name.startswith(SAMPLE) else f"starting_kit/{name}"
        (made / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, made / place)
    if not folder.card.tasks:
        text = render("DATA.md", card=folder.card, columns=folder.codebook.columns)
        (made / "starting_kit" / "DATA.md").write_text(text, "utf-8")


def _write_programs(folder: ChallengeFolder, made: Path) -> None:
    card = folder.card
    if card.tasks:
        for task in card.tasks:
            for name in filter(None, (task.scoring, task.ingestion)):
                if not (made / name).exists():
                    copy_tree(folder.root / name, made / name, name)
                    _add_ours(made / name, "place")
                    _add_card(card, made / name)
                    wrap(made / name, f"python3 {FOLDER}/place.py {_command(made / name)}")
        return
    ingestion = made / "ingestion_program"
    _add_ours(ingestion, "place", "ingestion")
    submission = card.submission
    said = {"output": submission.output, "max_notebook": submission.max_notebook, "max_cells": submission.max_cells}
    (ingestion / FOLDER / "submission.json").write_text(json.dumps(said))
    wrap(ingestion, f"python3 {FOLDER}/ingestion.py")
    scoring = made / "scoring_program"
    if folder.scoring_path:
        copy_tree(folder.scoring_path, scoring, scoring.name)
    _add_ours(scoring, "place", "scoring")
    _add_card(card, scoring)
    _add_modules(scoring)
    if folder.scoring_path:
        (scoring / FOLDER / "command").write_text(shlex.join(read_program(folder.scoring_path)))
    wrap(scoring, f"python3 {FOLDER}/scoring.py")


def _command(program: Path) -> str:
    """As it is written, for the worker to replace its variables."""
    metadata = next(program / name for name in METADATA if (program / name).is_file())
    return str(yaml.safe_load(metadata.read_text("utf-8"))["command"])


def _add_ours(program: Path, *names: str) -> None:
    (program / FOLDER).mkdir(parents=True)
    for name in names:
        shutil.copyfile(Path(programs.__file__).with_name(f"{name}.py"), program / FOLDER / f"{name}.py")


def _add_card(card: Card, program: Path) -> None:
    text = dump_document(card.model_dump(mode="json", exclude_defaults=True))
    (program / FOLDER / CARD).write_text(text, "utf-8")


def _add_modules(program: Path) -> None:
    package = Path(participant_kit.__file__).parent
    target = program / FOLDER / package.name
    (target / "challenge").mkdir(parents=True)
    for name in ("__init__.py", "challenge/__init__.py", *(f"challenge/{module}.py" for module in MODULES)):
        shutil.copyfile(package / name, target / name)


def _write_data(folder: ChallengeFolder, place: Place, made: Path, data: Path, keys: Mapping[str, str]) -> None:
    """Names in the bundle, data for the worker; and neither where the data is named by its key on the server."""
    private = folder.root / PRIVATE / place.path
    named = {"folder": f"{folder.card.slug}/{place.path}"}
    if f"{place.path}/{INPUT}" not in keys:
        _write_name(made / "data" / place.path / "input_data", named)
        if place.task:
            copy_tree(private / INPUT, data / place.path / INPUT, f"{PRIVATE}/{place.path}/{INPUT}")
        else:
            (data / place.path / INPUT).mkdir(parents=True)
            for table in TABLES:
                shutil.copyfile(private / f"{table}.parquet", data / place.path / INPUT / f"{table}.parquet")
    if f"{place.path}/{REFERENCE}" not in keys:
        identity = pyrage.x25519.Identity.generate()
        _write_name(made / "data" / place.path / "reference_data", {**named, "key": str(identity)})
        files = [private / f"{LABELS}.parquet"] if not place.task else sorted((private / REFERENCE).iterdir())
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for path in files:
                archive.add(path, path.name)
        (data / place.path).mkdir(parents=True, exist_ok=True)
        (data / place.path / SEALED).write_bytes(pyrage.encrypt(packed.getvalue(), [identity.to_public()]))


def _write_name(folder: Path, named: Mapping[str, str]) -> None:
    folder.mkdir(parents=True)
    (folder / PLACE).write_text(json.dumps(named))


def _check_no_private(folder: ChallengeFolder, made: Path) -> None:
    """No private file is in the bundle, but an input that the card says is public."""
    private = secret_files(folder)
    findings = [
        Finding(path.relative_to(made).as_posix(), "no private file in the bundle", private[digest].name)
        for path in sorted(made.rglob("*"))
        if path.is_file() and (digest := file_digest(path)) in private
    ]
    if findings:
        raise FindingsError(findings, hint="Take them out of the sample, the pages or the programs.")


def _requirements(folder: ChallengeFolder) -> str:
    """What the image must have: the card's packages, and what our two programs import."""
    text = folder.requirements_path.read_text("utf-8") if folder.requirements_path.is_file() else ""
    return text.rstrip() + "\npapermill\npydantic\npyrage\nPyYAML\n" + ("" if folder.card.tasks else "scikit-learn\n")


def _instructions(card: Card, image: str, notes: list[Note]) -> str:
    first = render("WORKER.md", card=card, image=image)
    return to_markdown(f"{card.title}: for the worker's operator", first, notes, MEANING)


def _zip(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder).as_posix())
    return target
