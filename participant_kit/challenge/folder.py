"""The layout of a challenge folder, and of the starter kit, which is its public half."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from participant_kit.challenge.card import Card, read_card
from participant_kit.challenge.codebook import Codebook, read_codebook
from participant_kit.challenge.errors import ChallengeError

CARD = "challenge.yaml"
KEYS = "keys.json"
SAMPLE = "sample_data"
GUARANTEE = "guarantee.json"
"""What may be said of how the sample was made, beside its tables."""
REPORT = "report"
"""The published report on the sample, beside its tables, as ``.html`` and ``.json``."""
NOTEBOOKS = "starter_notebooks"
PRIVATE = "private"
PAGES = "pages"
"""The organizer's pages, terms and image."""
TEXTS = (".md", ".html")
"""How the name of a page ends."""
PICTURES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
}
"""How the name of a picture in a page ends, and its media type."""
TABLES = ("train", "test")
"""The tables that a notebook sees in ``data_dir``, as ``<name>.parquet``."""
LABELS = "labels"
"""The table that only the scorer sees."""
INPUT, REFERENCE = "input", "reference"
"""The folders of a task: what a notebook and an ingestion program see, and what only the scoring program sees."""


@dataclass(frozen=True)
class ChallengeFolder:
    """Paths in a challenge folder (or a starter kit, which has no private part). Reads the card lazily.

    ``card`` and ``codebook`` raise :class:`~participant_kit.challenge.finding.FindingsError`.
    """

    root: Path

    @cached_property
    def card(self) -> Card:
        """The challenge card."""
        return read_card(self.card_path)

    @cached_property
    def codebook(self) -> Codebook:
        """The codebook that the card names. A challenge with tasks has none: raises :class:`ChallengeError`."""
        if self.card.tasks:
            raise ChallengeError(
                "A challenge with tasks has files and no columns, so it has no codebook, and no sample is made of it.",
                hint="Put a sample of each task's files into sample_data/TASK/input.",
            )
        return read_codebook(self.codebook_path)

    @property
    def card_path(self) -> Path:
        """``challenge.yaml``."""
        return self.root / CARD

    @property
    def codebook_path(self) -> Path:
        """The file that the card names, usually ``codebook.yaml``."""
        return self.root / self.card.data.codebook

    @property
    def requirements_path(self) -> Path:
        """The file that the card names, usually ``requirements.txt``."""
        return self.root / self.card.environment.requirements

    @property
    def scoring_path(self) -> Path | None:
        """The organizer's scoring program, a folder, or None where metrics are named."""
        return self.root / self.card.scoring if self.card.scoring else None

    @property
    def keys_path(self) -> Path:
        """Public keys of the runners: ``keys.json``."""
        return self.root / KEYS

    @property
    def sample_dir(self) -> Path:
        """The published sample: ``train.parquet`` and ``test.parquet``."""
        return self.root / SAMPLE

    @property
    def notebooks_dir(self) -> Path:
        """The starter notebooks."""
        return self.root / NOTEBOOKS

    @property
    def pages_dir(self) -> Path:
        """The organizer's pages."""
        return self.root / PAGES

    def private_dir(self, phase: str) -> Path:
        """Real data of one phase: ``train.parquet``, ``test.parquet``, ``labels.parquet``.

        In a challenge with tasks each has a folder in it, as it has in the sample, with the folders ``input``, which
        is a notebook's ``data_dir``, and ``reference``, which only the scoring program sees.
        """
        return self.root / PRIVATE / phase


def find_challenge(start: Path) -> ChallengeFolder | None:
    """The challenge folder or kit that holds ``start``: the nearest parent with a ``challenge.yaml``."""
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / CARD).is_file():
            return ChallengeFolder(folder)
    return None


def file_digest(path: Path) -> str:
    """Hex SHA-256 of one file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
