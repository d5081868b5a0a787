"""A Codabench bundle becomes a challenge folder."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from participant_kit.challenge.card import Card
from participant_kit.challenge.document import dump_document
from participant_kit.challenge.errors import ChallengeError
from participant_kit.challenge.finding import Finding, FindingsError
from participant_kit.challenge.folder import INPUT, NOTEBOOKS, PRIVATE, REFERENCE, SAMPLE, ChallengeFolder, file_digest
from participant_kit.challenge.scoring_program import Kind, read_program
from participant_kit.organizer.codabench.archive import copy_tree
from participant_kit.organizer.codabench.bundle import Bundle, open_bundle
from participant_kit.organizer.codabench.note import Note, to_markdown
from participant_kit.organizer.codabench.own import FOLDER, METADATA, unwrap
from participant_kit.organizer.codabench.packages import guess_requirements
from participant_kit.organizer.codabench.to_card import to_card
from participant_kit.organizer.codabench.to_metrics import Ranges
from participant_kit.organizer.errors import OrganizerError
from participant_kit.organizer.new_folder import new_folder, slug_of
from participant_kit.organizer.starter import write_starters

REPORT = "IMPORT.md"


@dataclass(frozen=True)
class Imported:
    """The challenge that a bundle became, and what became of each key that is not the same here."""

    folder: ChallengeFolder
    card: Card
    notes: list[Note]


def import_bundle(bundle: Path, folder: Path, ranges: Ranges | None = None) -> Imported:
    """Make the new challenge ``folder`` of the Codabench ``bundle``, a folder or a zip.

    ``ranges`` gives the lowest and highest score by the key of its column, where the guess is wrong. Raises
    :class:`FindingsError` naming every mistake in the bundle, and :class:`OrganizerError`; then nothing is made.
    """
    if not bundle.exists():
        raise OrganizerError(f"There is no bundle at {bundle}.", hint="Name a folder or zip with competition.yaml.")
    with open_bundle(bundle) as opened:
        _check_ranges(opened, ranges or {})
        translation = to_card(opened, slug_of(folder), ranges)
        notes = translation.notes
        with new_folder(folder) as made:
            litter = _copy(translation.files, made.root)
            for program in made.root.glob(f"*/{FOLDER}"):
                unwrap(program.parent)
            _check_programs(made.root, translation.card)
            if not translation.own:
                _make_data_folders(made, translation.card)
            notes += _drop_references(made.root, translation.card)
            card, said = _public_inputs(made.root, translation.card)
            notes += said
            made.card_path.write_text(_card_text(card), "utf-8")
            if translation.own and not (made.root / card.data.codebook).exists() and not card.tasks:
                text = f"there is none: copy {card.data.codebook}, {card.environment.requirements}, {SAMPLE}/ and"
                notes.append(Note("left out", "phases.starting_kit", f"{text} {NOTEBOOKS}/ from where it was exported"))
            elif not any(made.notebooks_dir.glob("*.ipynb")):
                write_starters(made)
            if not translation.own:
                notes += _write_requirements(made, opened.competition.docker_image)
            if litter:
                notes.append(Note("left out", "(files)", f"{litter} that a file manager left in programs and data"))
            (made.root / ".gitignore").write_text(f"/{PRIVATE}/\n")
            (made.root / REPORT).write_text(_report(opened, card, notes), "utf-8")
    return Imported(ChallengeFolder(folder), card, notes)


def _make_data_folders(made: ChallengeFolder, card: Card) -> None:
    """A task without input or reference data has empty folders."""
    for phase in card.phases:
        for task in card.tasks_of(phase.name):
            for part in (INPUT, REFERENCE):
                (made.private_dir(phase.name) / task.name / part).mkdir(parents=True, exist_ok=True)


def _check_ranges(bundle: Bundle, ranges: Ranges) -> None:
    keys = [column.key for column in bundle.leaderboard.columns]
    for key, (low, high) in ranges.items():
        if key not in keys:
            raise OrganizerError(f"No column has the key {key!r}.", hint=f"Give ranges of: {', '.join(keys)}.")
        if not -1e12 <= low < high <= 1e12:
            raise OrganizerError(f"{low:g} to {high:g} is no range of {key!r}.", hint="Give the lower number first.")


def _copy(files: dict[str, Path], root: Path) -> int:
    litter = 0
    for place, source in files.items():
        target = root / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            litter += copy_tree(source, target, place)
        else:
            shutil.copyfile(source, target)
    return litter


def _check_programs(root: Path, card: Card) -> None:
    findings = []
    kinds: dict[str, Kind] = {}
    for task in card.tasks:
        kinds[task.scoring] = "scoring"
        if task.ingestion:
            kinds[task.ingestion] = "ingestion"
    for place, kind in kinds.items():
        try:
            read_program(root / place, kind)
        except ChallengeError as error:
            found = "no metadata.yaml" if not any((root / place / name).is_file() for name in METADATA) else "another"
            findings.append(Finding(f"{place}/metadata.yaml", error.hint, found, "command"))
    if findings:
        raise FindingsError(findings)


def _drop_references(root: Path, card: Card) -> list[Note]:
    """Take out of the sample what is reference data of a phase: everybody would get what is scored against."""
    notes = []
    for task in card.tasks:
        private = {phase.name: root / PRIVATE / phase.name / task.name for phase in card.phases}
        secret = {digest: name for name, data in private.items() for digest in _digests(data / REFERENCE)}
        for data in private.values():
            for digest in _digests(data / INPUT):
                secret.pop(digest, None)  # a participant's code reads it anyway
        for digest, paths in _digests(root / SAMPLE / task.name).items():
            if digest in secret:
                for path in paths:
                    path.unlink()
                names = ", ".join(path.relative_to(root / SAMPLE / task.name / INPUT).as_posix() for path in paths)
                text = f"{names} is reference data of {secret[digest]!r}, and not in the sample; if it may be, copy it"
                notes.append(Note("closed", "phases.public_data", f"{text} to {SAMPLE}/{task.name}/{REFERENCE}"))
    return notes


def _public_inputs(root: Path, card: Card) -> tuple[Card, list[Note]]:
    """The card, saying of which tasks the input is public: a file of it is in the sample, which everybody gets."""
    tasks, notes = [], []
    for task in card.tasks:
        public = _digests(root / SAMPLE / task.name).keys()
        inputs = [_digests(root / PRIVATE / phase.name / task.name / INPUT).keys() for phase in card.phases]
        if any(public & digests for digests in inputs):
            task = task.model_copy(update={"public_input": True})
            text = (
                f"files of the input of {task.name!r} are in it, so public_input is true; correct it if they may not be"
            )
            notes.append(Note("changed", "phases.public_data", text))
        tasks.append(task)
    return card.model_copy(update={"tasks": tasks}), notes


def _digests(folder: Path) -> dict[str, list[Path]]:
    """The files in ``folder`` that are not empty, by what is in them."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.stat().st_size:
            found.setdefault(file_digest(path), []).append(path)
    return found


def _card_text(card: Card) -> str:
    head = (
        "# Made of a Codabench bundle: IMPORT.md says what was guessed and what has no counterpart.\n"
        "# `pkit challenge check` checks it, `pkit challenge schema` prints its JSON Schema for your editor.\n"
    )
    return head + dump_document(card.model_dump(mode="json", exclude_defaults=True))


def _write_requirements(made: ChallengeFolder, image: str) -> list[Note]:
    programs = [made.root / name for task in made.card.tasks for name in (task.scoring, task.ingestion) if name]
    others = [made.root / name for name in ("starting_kit", "solutions")]
    text, unknown = guess_requirements([*programs, *others])
    head = f"# Guessed from what the programs import; on Codabench they ran in the image {image}\n"
    made.requirements_path.write_text(head + text)
    said = f"; nothing could be pinned for {', '.join(unknown)}" if unknown else ""
    return [Note("guessed", "docker_image", f"requirements.txt is made of what the programs import{said}")]


def _report(bundle: Bundle, card: Card, notes: list[Note]) -> str:
    first = (
        f"{bundle.competition.title!r}, a Codabench competition of {len(card.phases)} phases and {len(card.tasks)} "
        f"tasks, is the challenge `{card.slug}` here. Keys are those of `competition.yaml`."
    )
    return to_markdown("What became of the bundle", first, notes)
