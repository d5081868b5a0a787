"""A starter kit, its notebook, and real web servers to fetch it from."""

from __future__ import annotations

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pandas as pd
import pytest
from small_gateway import CARD, CODEBOOK, SLUG, SmallGateway, write_notebook

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.participant.kit import join_kit
from participant_kit.protocol.connection import Connection
from participant_kit.protocol.keys import KeyRing, Role, SecretKeys

REQUIREMENTS = Path(__file__).parents[1] / "requirements.txt"


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings and submissions of this test alone."""
    home = tmp_path / "home"
    monkeypatch.setenv("PKIT_HOME", str(home))
    monkeypatch.setenv("PKIT_KEYRING", "off")
    for name in ("PKIT_TOKEN", "PKIT_GATEWAY"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture(scope="session")
def blind_keys() -> SecretKeys:
    return SecretKeys.generate(Role.BLIND)


@pytest.fixture
def kit_source(tmp_path: Path, blind_keys: SecretKeys) -> ChallengeFolder:
    """The public half as the organizer has it."""
    root = tmp_path / "organizer"
    kit = ChallengeFolder(root)
    kit.sample_dir.mkdir(parents=True)
    kit.card_path.write_text(CARD)
    (root / "codebook.yaml").write_text(CODEBOOK)
    (root / "requirements.txt").write_bytes(REQUIREMENTS.read_bytes())
    kit.keys_path.write_text(KeyRing(runners=[blind_keys.public]).model_dump_json())
    table = pd.DataFrame({"id": range(1, 41), "x": [i / 40 for i in range(40)], "y": [i % 2 for i in range(40)]})
    table[:20].to_parquet(kit.sample_dir / "train.parquet", index=False)
    table[20:].drop(columns="y").to_parquet(kit.sample_dir / "test.parquet", index=False)
    write_notebook(kit.notebooks_dir / "start.ipynb")
    return kit


@pytest.fixture
def gateway(
    kit_source: ChallengeFolder,
    blind_keys: SecretKeys,
    serve: Callable[[Callable[[BaseHTTPRequestHandler], None]], str],
) -> SmallGateway:
    small = SmallGateway(kit_source, blind_keys)
    small.publish()
    small.address = serve(small.answer)
    return small


@pytest.fixture
def kit(gateway: SmallGateway, tmp_path: Path) -> ChallengeFolder:
    """The kit, joined."""
    return join_kit(Connection(gateway.address), SLUG, tmp_path / "joined")


@pytest.fixture
def notebook(kit: ChallengeFolder) -> Path:
    """The starter notebook of the joined kit."""
    return kit.notebooks_dir / "start.ipynb"
