# tries: answers the runner with depth, length, wrong types and numbers that are none
# success: the runner dies, or hangs
# wall: answers are bounded in bytes and checked against their schema; what goes wrong is asked again
# expect: held
from __future__ import annotations

from pathlib import Path

from house import wait_until
from wire import Exchange
from world import World


def attack(world: World, folder: Path) -> None:
    lease = b'{"token": "t", "attempt": 1, "expires_at": "2026-01-01T00:00:00Z", "seconds": %s}'
    claim = (
        b'{"submission": "s", "challenge": "small", "phase": "p", "participant": "x", "sealed": "AA==", "lease": %s}'
    )
    answers = [
        b"[" * 100_000,
        b"9" * 1_000_000,
        b"x" * (33 << 20),
        b"\xff\xfe",
        b'{"submission": {"a": 1}}',
        *(claim % (lease % seconds) for seconds in (b"1e308", b"-1", b"0", b"1e-300", b'"NaN"', b"NaN")),
    ]
    answers = [answer for bad in answers for answer in (bad, b"null")]  # after no work, it asks again without a pause

    def lie(exchange: Exchange) -> None:
        if not exchange.status and exchange.path.endswith("/claims") and answers:
            exchange.status, exchange.answer = 200, answers.pop(0)
            exchange.headers = {"Content-Type": "application/json"}

    with world.wire.lying(lie):
        wait_until(lambda: not answers or world.parts["blind"].poll() is not None, 120, "all are answered")
    for exchange in world.wire.exchanges:
        if exchange.path.endswith("/claims") and len(exchange.answer) > 500_000:
            exchange.answer = b""  # what the gateway itself has made up need not be searched
    assert world.parts["blind"].poll() is None, world.log_of("blind")[-2000:]
    assert world.honest_run().state.value == "scored"
