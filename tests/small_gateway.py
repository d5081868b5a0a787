"""A small gateway that speaks the protocol's messages over real HTTP, and what it serves."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import nbformat

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.protocol.keys import KeyRing, SecretKeys
from participant_kit.protocol.kit import kit_digest, pack_kit
from participant_kit.protocol.messages import (
    API_PREFIX,
    Account,
    ChallengeInfo,
    Leaderboard,
    LeaderboardRow,
    Problem,
    Quota,
    RehearsalReport,
    ServerInfo,
    SubmissionStatus,
)
from participant_kit.protocol.receipts import Failure, Outcome, Receipt, sign_receipt
from participant_kit.protocol.sealing import encrypt, unseal_notebook
from participant_kit.protocol.states import State

SLUG = "small-challenge"
TOKEN = "secret-token-of-ada"

CARD = f"""schema_version: 1
slug: {SLUG}
title: A small challenge
data: {{identifier: id, target: y}}
limits: {{wall_time: 60 s, memory: 2 GiB, disk: 64 MiB, processes: 128}}
submission: {{columns: {{id: integer, prediction: number}}, max_notebook: 1 MiB, max_cells: 20}}
metrics:
  - {{name: roc_auc_score, higher_is_better: true, range: [0, 1], primary: true}}
phases:
  - {{name: development, starts: 2026-01-01, ends: 2027-01-01, per_day: 10, total: 100}}
  - {{name: final, starts: 2027-01-01, ends: 2027-02-01, total: 2, leaderboard: hidden}}
"""
CODEBOOK = """schema_version: 1
columns:
  id: {type: integer, minimum: 1, maximum: 1000}
  x: {type: number, minimum: 0, maximum: 1}
  y: {type: integer, minimum: 0, maximum: 1}
"""
CELLS = (
    ("parameters", 'data_dir = "../sample_data"\noutput_dir = "."'),
    (
        "",
        "from pathlib import Path\n"
        "import pandas as pd\n"
        'test = pd.read_parquet(Path(data_dir) / "test.parquet")\n'
        'test["prediction"] = test["x"]\n'
        'test[["id", "prediction"]].to_csv(Path(output_dir) / "predictions.csv", index=False)',
    ),
)


def write_notebook(path: Path, *cells: tuple[str, str], **metadata: Any) -> Path:
    """A notebook of code cells, each a tag (or none) and its source."""
    notebook = nbformat.v4.new_notebook(metadata=metadata)
    for tag, source in cells or CELLS:
        notebook.cells.append(nbformat.v4.new_code_cell(source, metadata={"tags": [tag]} if tag else {}))
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


@dataclass
class SmallGateway:
    """Gateway, data holder and runner in one, as small as the client's side needs them."""

    kit: ChallengeFolder
    keys: SecretKeys
    address: str = ""
    zip: bytes = b""
    statuses: dict[str, SubmissionStatus] = field(default_factory=dict)
    sealed: dict[str, bytes] = field(default_factory=dict)
    envelopes: dict[str, dict[str, Any]] = field(default_factory=dict)
    logs: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    before: Callable[[BaseHTTPRequestHandler], bool] = lambda handler: False
    """Called first; True when it has dealt with the request itself."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def publish(self) -> None:
        """Take the kit as it is now."""
        self.zip = pack_kit(self.kit.root, SLUG)

    @property
    def info(self) -> ChallengeInfo:
        kit = ChallengeFolder(self.kit.root)
        keys = KeyRing.model_validate_json(kit.keys_path.read_bytes())
        return ChallengeInfo(
            card=kit.card,
            keys=keys,
            kit_sha256=kit_digest(self.zip),
            kit_bytes=len(self.zip),
            open_phase="development",
            now=datetime.now(UTC),
        )

    def change(self, identifier: str, **update: Any) -> None:
        """Move a submission on."""
        with self.lock:
            status = self.statuses[identifier]
            self.statuses[identifier] = status.model_copy(update={**update, "version": status.version + 1})

    def score(self, identifier: str, score: float, *, shown: float | None = None, **changes: Any) -> None:
        """Finish a submission with a signed receipt. ``shown`` is what the gateway says instead; ``changes``
        are those of the receipt."""
        binding, _ = unseal_notebook(self.sealed[identifier], self.keys.sealing)
        receipt = Receipt(
            challenge=binding.challenge,
            phase=binding.phase,
            participant=binding.participant,
            submission=binding.submission,
            notebook_sha256=binding.notebook_sha256,
            card_sha256=hashlib.sha256(self.kit.card_path.read_bytes()).hexdigest(),
            data_root="",
            environment_sha256="",
            runner_version="1",
            bits=12.5,
            outcome=Outcome(state="scored", tick=3, scores={"roc_auc_score": score}),
        ).model_copy(update=changes)
        self.envelopes[identifier] = sign_receipt(receipt, self.keys)
        said = score if shown is None else shown
        self.change(identifier, state=State.SCORED, scores={"roc_auc_score": said}, has_receipt=True, counted=True)

    def fail(self, identifier: str, failure: Failure) -> None:
        """Finish a submission that failed on the real data, with a signed receipt."""
        self.score(identifier, 0, outcome=Outcome(state="failed", tick=3, failure=failure))
        self.change(identifier, state=State.FAILED, scores=None, failure=failure)

    def fail_rehearsal(self, identifier: str, report: RehearsalReport) -> None:
        """Finish a submission with a sealed log."""
        binding, _ = unseal_notebook(self.sealed[identifier], self.keys.sealing)
        self.logs[identifier] = encrypt(report.model_dump_json().encode(), [binding.reply_to])
        failure = Failure(stage=report.stage, cell=report.cell, reason=report.reason)
        self.change(identifier, state=State.FAILED, failure=failure, has_log=True)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        url = urlsplit(handler.path)
        path, query = url.path.removeprefix(API_PREFIX), {key: value[0] for key, value in parse_qs(url.query).items()}
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        self.requests.append((handler.command, path))
        self.headers.append(dict(handler.headers))
        if self.before(handler):
            return
        needs_token = path == "/me" or path.startswith("/submissions") or handler.command == "PUT"
        if needs_token and handler.headers.get("Authorization") != f"Bearer {TOKEN}":
            problem = Problem(code="bad_token", message="This token is not known.", hint="Log in again.")
            return send(handler, problem, 401)
        parts = path.strip("/").split("/")
        match handler.command, parts:
            case "GET", [""]:
                send(handler, ServerInfo(version="1", now=datetime.now(UTC)))
            case "GET", ["me"]:
                send(handler, Account(name="ada", role="participant"))
            case "GET", ["challenges"]:
                send(handler, [self.info])
            case "GET", ["challenges", slug] if slug == SLUG:
                send(handler, self.info)
            case "GET", ["challenges", _, "kit"]:
                send(handler, self.zip, kind="application/zip")
            case "GET", ["challenges", _, "quota"]:
                used = len(self.statuses)
                quota = Quota(
                    phase="development",
                    used_today=used,
                    per_day=10,
                    used_total=used,
                    total=100,
                    resets_at=datetime.now(UTC),
                )
                send(handler, quota)
            case "GET", ["challenges", _, "leaderboard"]:
                self._leaderboard(handler)
            case "PUT", ["challenges", slug, "submissions", identifier]:
                self._take(handler, slug, identifier, query["phase"], body)
            case "GET", ["submissions"]:
                send(handler, list(self.statuses.values()))
            case "GET", ["submissions", identifier] if identifier in self.statuses:
                deadline = time.monotonic() + float(query.get("wait", 0))
                while (
                    self.statuses[identifier].version == int(query.get("version", -1)) and time.monotonic() < deadline
                ):
                    time.sleep(0.01)
                send(handler, self.statuses[identifier])
            case "POST", ["submissions", identifier, "cancel"]:
                self.change(identifier, state=State.CANCELLED)
                send(handler, self.statuses[identifier])
            case "GET", ["submissions", identifier, "log"]:
                send(handler, self.logs[identifier], kind="application/octet-stream")
            case "GET", ["submissions", identifier, "receipt"]:
                send(handler, self.envelopes[identifier])
            case _:
                send(handler, Problem(code="not_found", message="There is no such thing.", hint="Look again."), 404)

    def _take(self, handler: BaseHTTPRequestHandler, slug: str, identifier: str, phase: str, body: bytes) -> None:
        now = datetime.now(UTC)
        with self.lock:
            self.sealed.setdefault(identifier, body)
            status = self.statuses.setdefault(
                identifier,
                SubmissionStatus(
                    id=identifier,
                    challenge=slug,
                    phase=phase,
                    participant="ada",
                    state=State.QUEUED,
                    version=1,
                    attempt=0,
                    counted=False,
                    created_at=now,
                    updated_at=now,
                ),
            )
        send(handler, status, 201)

    def _leaderboard(self, handler: BaseHTTPRequestHandler) -> None:
        rows = [
            LeaderboardRow(
                rank=rank,
                participant=name,
                scores={"roc_auc_score": score},
                submitted_at=datetime.now(UTC),
                submissions=1,
            )
            for rank, (name, score) in enumerate([("bob", 0.9), ("ada", 0.8)], 1)
        ]
        board = Leaderboard(
            challenge=SLUG,
            phase="development",
            primary="roc_auc_score",
            higher_is_better=True,
            hidden=False,
            participants=2,
            rows=rows,
        )
        if handler.headers.get("If-None-Match") == '"board-1"':
            send(handler, b"", 304)
        else:
            send(handler, board, ETag='"board-1"')


def send(
    handler: BaseHTTPRequestHandler, content: Any, status: int = 200, *, kind: str = "application/json", **headers: str
) -> None:
    """Write one answer: bytes, a message, or anything that JSON has."""
    if isinstance(content, list):
        content = [item.model_dump(mode="json") for item in content]
    if hasattr(content, "model_dump_json"):
        content = content.model_dump_json().encode()
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    handler.send_response(status)
    for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(data)
