# tries: puts terminal escapes, line breaks and markup into identifiers and messages, which the runner writes to its log
# success: the runner dies on them, or its log shows lines and colours that the gateway has made up
# wall: what others have said is printed as plain text, one line each, without control characters
# expect: held
from __future__ import annotations

import json
from pathlib import Path

from house import wait_until
from wire import Exchange
from world import World

EVIL = "[/evil]\n00:00:00 all is well \x1b[2J\x1b]0;evil\x07[bold red]"


def attack(world: World, folder: Path) -> None:
    lease = {"token": "t", "attempt": 1, "expires_at": "2026-01-01T00:00:00Z", "seconds": 1}
    claim = {"challenge": "small", "phase": EVIL, "participant": EVIL, "sealed": "AA==", "lease": lease}
    answers = [
        (503, {"code": "x", "message": EVIL, "hint": EVIL}),
        (200, {**claim, "submission": EVIL}),
        (500, {"code": EVIL, "message": EVIL, "hint": EVIL}),
    ]

    def lie(exchange: Exchange) -> None:
        if not exchange.status and exchange.path.endswith("/claims") and answers:
            exchange.status, answer = answers.pop(0)
            exchange.answer = json.dumps(answer).encode()
            exchange.headers = {"Content-Type": "application/json"}

    with world.wire.lying(lie):
        wait_until(lambda: not answers or world.parts["blind"].poll() is not None, 60, "all are answered")
        wait_until(lambda: world.parts["blind"].poll() is not None or world.wire.exchanges[-1].path.endswith("/claims"))
    log = world.log_of("blind")
    assert world.parts["blind"].poll() is None, log[-2000:]
    assert "evil" in log, "it was written"
    assert "\x1b" not in log and "\x07" not in log
    assert not [line for line in log.splitlines() if line.startswith("00:00:00")]
