"""A challenge whose kit has all that pages show, and boards with as many participants as one wants."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

import pandas as pd
from gateway_world import BLIND, World, make_envelope
from PIL import Image
from support import CARD

from participant_kit.challenge.codebook import Codebook
from participant_kit.challenge.document import parse_document
from participant_kit.challenge.table import conform
from participant_kit.protocol.keys import KeyRing
from participant_kit.protocol.kit import pack_kit
from participant_kit.protocol.receipts import Outcome

CODEBOOK = b"""
schema_version: 1
columns:
  id: {type: integer, minimum: 1, maximum: 1000000, description: Number of the person}
  age: {type: integer, unit: years, minimum: 0, maximum: 120, description: At the visit, nullable: true, missing: 0.1}
  dose: {type: number, unit: mg, minimum: 0, maximum: 10, description: What was given}
  sex: {type: category, levels: [female, male, other], description: As it stands in the record}
  seen: {type: date, minimum: 2020-01-01, maximum: 2021-12-31}
  note: {type: text}
  ill: {type: boolean, description: Whether the person was ill}
"""
ABOUT = b"""# About the data

*Who* was asked, and **when**. See [the terms](terms.md).

| wave | people |
|---|---|
| first | 100 |

![A picture](cover.png)
"""
FULL = CARD.replace(
    b"title: A small challenge\n",
    b"title: A small challenge\nsummary: Who falls ill, from six columns of a made-up survey.\n"
    b"pages: [{title: About, file: about.md}]\nterms: terms.md\nimage: cover.png\nbaselines: [base]\n",
)


def picture(kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((640, 160)).save(buffer, kind)
    return buffer.getvalue()


def sample(rows: int = 200) -> pd.DataFrame:
    numbers = pd.Series(range(rows))
    frame = pd.DataFrame(
        {
            "id": numbers + 1,
            "age": (20 + numbers * 7 % 60).where(numbers % 10 != 0),
            "dose": numbers % 50 / 10,
            "sex": numbers.map(lambda number: ("female", "male", "other")[number % 5 % 3]),
            "seen": pd.Timestamp("2020-01-01") + pd.to_timedelta(numbers * 3 % 700, unit="D"),
            "note": "text",
            "ill": numbers % 3 == 0,
        }
    )
    return conform(frame, parse_document(CODEBOOK, Codebook, "codebook.yaml"))


def make_full_kit(folder: Path, card: bytes = FULL, codebook: bytes = CODEBOOK, **pages: bytes) -> bytes:
    """A kit with a codebook, a sample and pages: ``about_md=b"..."`` is ``pages/about.md``."""
    (folder / "pages").mkdir(parents=True)
    (folder / "sample_data").mkdir()
    (folder / "challenge.yaml").write_bytes(card)
    (folder / "codebook.yaml").write_bytes(codebook)
    (folder / "keys.json").write_text(KeyRing(runners=[BLIND.public]).model_dump_json())
    sample().to_parquet(folder / "sample_data" / "train.parquet", index=False)
    files = {"about_md": ABOUT, "terms_md": b"Be *fair*.", "cover_png": picture()} | pages
    for name, data in files.items():
        (folder / "pages" / name.replace("_", ".")).write_bytes(data)
    return pack_kit(folder, "small")


def score(world: World, who: str, auc: float, brier: float = 0.2) -> None:
    """One scored submission of ``who``'s."""
    assert world.submit(who).status_code == 200
    claim = world.claim()
    assert claim
    outcome = Outcome(state="scored", tick=1, scores={"roc_auc_score": auc, "brier_score_loss": brier})
    answer = world.lease("result", claim, envelope=make_envelope(claim, outcome=outcome))
    assert answer.status_code == 204, answer.text


def crowd(world: World, people: int, days: int = 30) -> None:
    """Put ``people`` on the board behind the gateway's back, over so many days, as if each had been scored once."""
    now = time.time()
    names = [f"participant-{number:05d}" for number in range(people)]
    world.query(
        "INSERT INTO accounts (name, role, created_at, revision) VALUES (:name, 'participant', 0, 1)",
        *({"name": name} for name in names),
    )
    rows, best = [], 2.0
    for number, name in enumerate(names):
        auc = round(0.5 + 0.4 * (number * 7919 % people) / people * (0.5 + number / people / 2), 3)
        moment = now - days * 86400 * (1 - number / people) - 60
        scores = json.dumps({"roc_auc_score": auc, "brier_score_loss": round(0.3 - auc / 5, 3)})
        identifier = f"{number:08d}-0000-7000-8000-000000000000"
        rows.append({"id": identifier, "who": name, "scores": scores, "rank": -auc, "at": moment, "leads": -auc < best})
        best = min(best, -auc)
    world.query(
        "INSERT INTO submissions (id, challenge, phase, participant, state, version, revision, rehearsed, counted, "
        "sealed_sha256, sealed, created_at, updated_at, attempt, lost, has_log, scores, bits) VALUES "
        "(:id, 'small', 'development', :who, 'scored', 3, 1, false, true, '', '', :at, :at, 1, 0, false, :scores, 9)",
        *({key: row[key] for key in ("id", "who", "at", "scores")} for row in rows),
    )
    world.query(
        "INSERT INTO best (challenge, phase, participant, rank_by, scores, submitted_at, submissions) VALUES "
        "('small', 'development', :who, :rank, :scores, :at, 1)",
        *({key: row[key] for key in ("who", "rank", "at", "scores")} for row in rows),
    )
    world.query(
        "INSERT INTO records (submission, challenge, phase, participant, rank_by, scores, submitted_at, entered_at, "
        "leads) VALUES (:id, 'small', 'development', :who, :rank, :scores, :at, :at, :leads)",
        *rows,
    )
    world.query(
        "INSERT INTO boards (challenge, phase, version, bits) VALUES ('small', 'development', :people, 0)",
        {"people": people},
    )
