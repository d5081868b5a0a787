# tries: publishes a kit with keys of its own to people who have the real one
# success: notebooks are sealed to these keys from then on
# wall: other keys than before are taken only with a checksum that came by another way
# expect: held
from __future__ import annotations

from pathlib import Path

import pytest
from liar import offering
from world import World

from participant_kit.challenge.errors import KitError
from participant_kit.protocol.keys import KeyRing, Role, SecretKeys


def attack(world: World, folder: Path) -> None:
    keys = SecretKeys.generate(Role.BLIND)
    ring = KeyRing(runners=[keys.public]).model_dump_json().encode()
    world.client().join("small", folder / "kit", kernel=False)
    before = (folder / "kit" / "keys.json").read_bytes()
    with offering(world, {"keys.json": ring}), pytest.raises(KitError, match="other keys"):
        world.client().join("small", folder / "kit", kernel=False)
    assert (folder / "kit" / "keys.json").read_bytes() == before
