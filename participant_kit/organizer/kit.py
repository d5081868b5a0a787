"""Building the starter kit: the public half of a challenge, as a folder and as a zip."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from participant_kit.challenge.alphabet import alphabet_of
from participant_kit.challenge.finding import Finding, FindingsError
from participant_kit.challenge.folder import NOTEBOOKS, SAMPLE, ChallengeFolder
from participant_kit.organizer.check import check_challenge
from participant_kit.organizer.errors import OrganizerError
from participant_kit.organizer.parity import check_parity
from participant_kit.organizer.public import public_files, published_programs
from participant_kit.organizer.starter import FIRST, write_starters
from participant_kit.organizer.template import render
from participant_kit.protocol.kit import kit_digest, open_kit, pack_kit

KIT = "starter_kit"


@dataclass(frozen=True)
class KitBuild:
    """A kit as it was built: its ``folder``, its ``zip``, hex SHA-256 of that, and what was warned of."""

    folder: Path
    zip: Path
    digest: str
    files: list[str]
    warnings: list[Finding]


def build_kit(
    folder: ChallengeFolder, *, parity: bool = True, tell: Callable[[str], None] = lambda text: None
) -> KitBuild:
    """Write ``starter_kit/`` and ``starter_kit.zip`` into ``folder``; the same files give the same bytes.

    A folder without any starter notebook gets those of :mod:`participant_kit.organizer.starter` first.
    With ``parity`` the notebooks are run on the sample and on the real data first, as
    :func:`~participant_kit.organizer.parity.check_parity` does; ``tell`` is told how far that is.

    Raises :class:`~participant_kit.challenge.finding.FindingsError` when a check finds an error,
    :class:`OrganizerError` when there are no public keys, no sandbox, or no room on the disk, and
    :class:`~participant_kit.execution.errors.ExecutionError` when the notebooks cannot be run; then an earlier kit
    stays.
    """
    if not any(folder.notebooks_dir.glob("*.ipynb")):
        write_starters(folder)
    findings = check_challenge(folder)
    if errors := [finding for finding in findings if finding.level == "error"]:
        raise FindingsError(errors, hint="Correct them, then build the kit again.")
    if not folder.keys_path.exists():
        raise OrganizerError(
            "The challenge has no public keys, so nobody could seal a notebook for it.",
            hint=f"The data holder makes them with: pkit holder keys FILE --challenge {folder.root}",
        )
    if parity and folder.card.tasks:
        tell("No notebook was run: parity compares tables. See both runs with: pkit challenge parity")
    elif parity:
        compared = check_parity(folder, tell=tell).findings
        if errors := [finding for finding in compared if finding.level == "error"]:
            raise FindingsError(errors, hint=f"See both runs with: pkit challenge parity {folder.root}")
        findings += compared
    target, archive = folder.root / KIT, folder.root / f"{KIT}.zip"
    try:
        with tempfile.TemporaryDirectory(prefix=f".{KIT}-", dir=folder.root) as temporary:
            made = Path(temporary, KIT)
            made.mkdir()
            for name, path in public_files(folder).items():
                if path.resolve() != folder.root.resolve() / name:
                    raise OrganizerError(
                        f"{name} is a link, and could publish what it leads to.", hint="Copy the file."
                    )
                (made / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, made / name)
            (made / "README.md").write_text(_readme(folder))
            (made / "DATA.md").write_text(_data_page(folder))
            data = pack_kit(made, folder.card.slug)
            files = open_kit(data)
            new_archive = Path(temporary, archive.name)
            new_archive.write_bytes(data)
            if target.exists():
                target.rename(Path(temporary, "old"))
            made.rename(target)
            new_archive.replace(archive)
    except OSError as error:
        raise OrganizerError(
            f"The kit cannot be written to {folder.root}: {error.strerror}.", hint="Free some space, then try again."
        ) from None
    return KitBuild(target, archive, kit_digest(data), sorted(files), findings)


def _data_page(folder: ChallengeFolder) -> str:
    if not folder.card.tasks:
        return render("DATA.md", card=folder.card, columns=folder.codebook.columns)
    files = {
        task.name: sorted(name for name in public_files(folder) if name.startswith(f"{SAMPLE}/{task.name}/"))
        for task in folder.card.tasks
    }
    return render("DATA_tasks.md", card=folder.card, files=files)


def _readme(folder: ChallengeFolder) -> str:
    notebooks = sorted(path.name for path in folder.notebooks_dir.glob("*.ipynb"))
    columns = " and ".join(f"`{name}`" for name in folder.card.submission.columns)
    return render(
        "README.md",
        card=folder.card,
        columns=columns,
        notebook=FIRST if FIRST in notebooks else notebooks[0],
        programs=sorted(published_programs(folder)),
        bits=alphabet_of(folder.card).bits,
        notebooks=NOTEBOOKS,
    )
