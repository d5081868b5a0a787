"""A gateway with one published challenge, its accounts, and a client for each."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from databases import everything, query
from fastapi.testclient import TestClient
from support import CARD

from participant_kit.gateway.accounts import create_token
from participant_kit.gateway.settings import Settings
from participant_kit.protocol.identifiers import new_identifier
from participant_kit.protocol.keys import KeyRing, Role, SecretKeys
from participant_kit.protocol.kit import pack_kit
from participant_kit.protocol.messages import AccountRole, Claim
from participant_kit.protocol.receipts import Failure, Outcome, Receipt, sign_receipt

API = "/api/v1"
BLIND, REHEARSAL = SecretKeys.generate(Role.BLIND), SecretKeys.generate(Role.REHEARSAL)


def make_kit(folder: Path, card: bytes = CARD, roles: tuple[Role, ...] = (Role.BLIND,)) -> bytes:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "challenge.yaml").write_bytes(card)
    keys = [keys.public for keys in (BLIND, REHEARSAL) if keys.role in roles]
    (folder / "keys.json").write_text(KeyRing(runners=keys).model_dump_json())
    return pack_kit(folder, "small")


@dataclass
class World:
    """The gateway as people and runners see it."""

    client: TestClient
    data: Path
    database: str | None = None
    tokens: dict[str, str] = field(default_factory=dict)

    def auth(self, who: str, role: AccountRole = "participant") -> dict[str, str]:
        if who not in self.tokens:
            self.tokens[who] = create_token(self.data, who, role, database=self.database)
        return {"Authorization": f"Bearer {self.tokens[who]}"}

    @property
    def settings(self) -> Settings:
        return Settings(self.data, self.database)

    def query(self, statement: str, *rows: dict[str, Any]) -> Any:
        """As :func:`databases.query`."""
        return query(self.settings, statement, *rows)

    def stored(self) -> bytes:
        """Everything that the gateway keeps."""
        files = b"".join(path.read_bytes() for path in self.data.rglob("*") if path.is_file())
        return files + everything(self.settings)

    def publish(self, kit: bytes) -> None:
        answer = self.client.put(f"{API}/challenges/small", content=kit, headers=self.auth("org", "organizer"))
        assert answer.status_code == 200, answer.text

    def submit(self, who: str = "ada", sealed: bytes = b"sealed", identifier: str | None = None, **params: str) -> Any:
        path = f"{API}/challenges/small/submissions/{identifier or new_identifier()}"
        return self.client.put(path, content=sealed, headers=self.auth(who), params=params)

    def claim(self, role: Role = Role.BLIND, wait: float = 0) -> Claim | None:
        account = "runner" if role == Role.BLIND else "rehearsal"
        body = {"role": role.value, "runner": "r-1", "challenges": ["small"], "wait": wait}
        answer = self.client.post(f"{API}/claims", json=body, headers=self.auth(account, account))
        assert answer.status_code in (200, 204), answer.text
        return Claim.model_validate_json(answer.content) if answer.status_code == 200 else None

    def lease(self, verb: str, claim: Claim, role: Role = Role.BLIND, **body: Any) -> Any:
        account = "runner" if role == Role.BLIND else "rehearsal"
        body.setdefault("token", claim.lease.token)
        path = f"{API}/leases/{claim.submission}/{verb}"
        return self.client.post(path, json=body, headers=self.auth(account, account))

    def finish(self, claim: Claim, auc: float = 0.8, keys: SecretKeys = BLIND, **receipt: Any) -> Any:
        return self.lease("result", claim, envelope=make_envelope(claim, auc, keys, **receipt))

    def status(self, identifier: str, who: str = "ada", **params: float) -> dict[str, Any]:
        answer = self.client.get(f"{API}/submissions/{identifier}", headers=self.auth(who), params=params)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


def make_envelope(claim: Claim, auc: float = 0.8, keys: SecretKeys = BLIND, **changed: Any) -> dict[str, Any]:
    outcome = Outcome(state="scored", tick=1, scores={"roc_auc_score": auc, "brier_score_loss": 0.2})
    if failure := changed.pop("failure", None):
        outcome = Outcome(state=changed.pop("state", "failed"), tick=1, failure=Failure(**failure))
    receipt = Receipt(
        **{
            "challenge": claim.challenge,
            "phase": claim.phase,
            "participant": claim.participant,
            "submission": claim.submission,
            "notebook_sha256": "0" * 64,
            "card_sha256": "0" * 64,
            "data_root": "0" * 64,
            "environment_sha256": "0" * 64,
            "runner_version": "0",
            "bits": 1,
            "outcome": outcome,
            **changed,
        }
    )
    return sign_receipt(receipt, keys)


def rezip(kit: bytes, **changed: bytes) -> bytes:
    """A kit whose files were changed without its manifest."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(kit)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            new.writestr(name, changed.get(name.replace(".", "_"), old.read(name)))
    return buffer.getvalue()
