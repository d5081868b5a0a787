# tries: looks for a notebook's text in everything that it has: uploads, database, files, memory of requests
# success: a line of the notebook
# wall: notebooks are sealed (age) to the runners' keys, which the gateway does not have
# expect: held
from __future__ import annotations

from pathlib import Path

from world import World


def attack(world: World, folder: Path) -> None:
    word = world.words["notebook of another"]
    submission = world.honest_run(f"# {word}\nprint({word!r})")
    assert submission.state.value == "scored"
    assert not [what for content in world.gateway_bytes() for what in world.canary.find(content)]
    assert not [what for exchange in world.wire.exchanges for what in world.canary.find(exchange.content)]
    for path in world.home.rglob("notebook.ipynb"):
        path.unlink()  # the participant's own copy
    for path in world.kit.notebooks_dir.glob("*.ipynb"):
        path.unlink()
