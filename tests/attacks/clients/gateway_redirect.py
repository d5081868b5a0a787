# tries: sends runner and participant on to another address, where their tokens would be read
# success: a token arrives there
# wall: no redirect is followed
# expect: held
from __future__ import annotations

from pathlib import Path

import pytest
from wire import Exchange
from world import World

from participant_kit.challenge.errors import KitError
from participant_kit.protocol.keys import Role


def attack(world: World, folder: Path) -> None:
    sent = []

    def lie(exchange: Exchange) -> None:
        if not exchange.status:
            sent.append(exchange.path)
            exchange.status = 307
            exchange.headers = {"Location": f"http://127.0.0.1:{world.outside['tcp']}{exchange.path}"}

    with world.wire.lying(lie), pytest.raises(KitError, match="sends on"):
        world.client().me()
    assert sent and world.doors.knocks == []
    if world.parts["blind"].poll() is not None:
        world.start_runner(Role.BLIND)
