# tries: shows a score that nobody signed, and changes the scores of one that was
# success: the participant sees it as theirs
# wall: scores are shown only from a receipt that a key of the kit has signed
# expect: held
from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from wire import Exchange
from world import World

from participant_kit.challenge.errors import KitError


def attack(world: World, folder: Path) -> None:
    submission = world.honest_run()

    def lie(exchange: Exchange) -> None:
        if exchange.status == 200 and submission.id in exchange.path and b'"scores"' in exchange.answer:
            status = json.loads(exchange.answer)
            exchange.answer = json.dumps({**status, "scores": {name: 0.999 for name in status["scores"]}}).encode()

    def forge(exchange: Exchange) -> None:
        lie(exchange)
        if exchange.status == 200 and exchange.path.endswith("/receipt"):
            envelope = json.loads(exchange.answer)
            payload = base64.b64decode(envelope["payload"]).replace(b'"roc_auc_score":0.', b'"roc_auc_score":1.')
            exchange.answer = json.dumps({**envelope, "payload": base64.b64encode(payload).decode()}).encode()

    for each in (lie, forge):
        with world.wire.lying(each), pytest.raises(KitError):
            _ = world.client().submission(submission.id).scores
    assert world.client().submission(submission.id).scores == submission.scores
