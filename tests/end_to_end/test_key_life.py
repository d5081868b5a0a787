"""A key is replaced and revoked while participants go on, with real processes."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from house import SLUG, SOLUTION, House

from participant_kit.challenge.errors import KitError
from participant_kit.organizer.publish import publish_challenge
from participant_kit.participant import Client
from participant_kit.protocol.keys import Role


def holder(house: House, *words: str) -> Any:
    command = [sys.executable, "-m", "participant_kit.cli.main", "holder", *words, "--json"]
    done = subprocess.run([*command, "--challenge", str(house.challenge.root)], capture_output=True, check=True)
    return json.loads(done.stdout)


def publish(house: House) -> str:
    """Publish again; the kit's SHA-256."""
    publish_challenge(house.challenge, house.address, house.tokens["organizer"], parity=False)
    return Client(house.address).challenge(SLUG).kit_sha256


def test_a_key_is_replaced_and_revoked_and_nobody_has_to_stop(tmp_path_factory: pytest.TempPathFactory) -> None:
    house = House(tmp_path_factory.mktemp("keys"), (Role.BLIND,))
    old, new = house.root / "blind.key", house.root / "blind-2.key"
    try:
        house.open()
        before = house.submit(SOLUTION).wait(90)
        assert before.scores

        rotated = holder(house, "rotate-keys", str(old), str(new))
        house.stop("blind")
        keys = house.root / "keys"
        keys.mkdir()
        for file in (old, new):
            file.rename(keys / file.name)
        old.symlink_to(keys)  # where the house looks for a key there is now a folder of them
        house.start_runner(Role.BLIND)
        during = house.submit(SOLUTION, "x = 1").wait(90)
        assert during.scores and len(during.envelope()["signatures"]) == 2, "sealed and verified with the old kit"

        checksum = publish(house)
        with pytest.raises(KitError, match="other keys"):
            Client(house.address).join(SLUG, house.kit.root, kernel=False)
        Client(house.address).join(SLUG, house.kit.root, checksum=checksum, kernel=False)

        by = str(keys / new.name)
        holder(house, "revoke-key", rotated["old"]["signing"], "--by", by, "--reason", "disk stolen")
        publish(house)
        Client(house.address).join(SLUG, house.kit.root, kernel=False)
        assert Client(house.address).submission(during.id).scores == during.scores, "the new key has signed it too"
        with pytest.raises(KitError, match="disk stolen"):
            _ = Client(house.address).submission(before.id).scores
    finally:
        house.close()
