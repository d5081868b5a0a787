"""``pkit gateway``: where its database is, and what is said when it is nowhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from gateway_world import World, make_kit

from participant_kit.gateway.app import create_app
from participant_kit.gateway.settings import Settings


def token(data: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "participant_kit.cli.main", "gateway", "token", "ada", "--data", str(data), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_password_is_not_taken_from_the_command_line(tmp_path: Path) -> None:
    done = token(tmp_path, "--database", "postgresql://gateway:hush@db.example.org/gateway")
    assert done.returncode == 1
    assert "--database FILE" in done.stderr
    assert "hush" not in done.stdout + done.stderr


def test_the_database_s_url_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text(f"sqlite:///{tmp_path / 'elsewhere.sqlite'}\n")
    assert token(tmp_path / "data", "--database", str(file)).returncode == 0
    assert (tmp_path / "elsewhere.sqlite").exists()


def withdraw(data: Path, slug: str, reason: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "participant_kit.cli.main", "gateway", "withdraw", slug, "--data", str(data)]
    return subprocess.run([*command, "--reason", reason], capture_output=True, text=True, check=False)


def test_a_challenge_is_withdrawn_with_a_reason_while_the_gateway_runs(tmp_path: Path) -> None:
    with TestClient(create_app(Settings(tmp_path / "gateway"))) as client:
        World(client, tmp_path / "gateway").publish(make_kit(tmp_path / "kit"))
        for slug, reason, said in (("small", " ", "a sentence"), ("none", "It is over.", "no challenge 'none'")):
            refused = withdraw(tmp_path / "gateway", slug, reason)
            assert refused.returncode == 1 and said in refused.stderr, refused.stderr
        assert client.get("/challenges/small").status_code == 200
        assert withdraw(tmp_path / "gateway", "small", "It is over.").returncode == 0
        page = client.get("/challenges/small")
        assert page.status_code == 410 and "It is over." in page.text


def test_the_address_that_people_use_is_one(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "participant_kit.cli.main", "gateway", "start", "--data", str(tmp_path)]
    done = subprocess.run([*command, "--address", "http://example.org"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "https://example.org" in done.stderr


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://gateway:hush@127.0.0.1:1/gateway", "does not let the gateway in"),
        ("mysql://gateway:hush@db.example.org/gateway", "does not know mysql://"),
        ("postgresql://gateway:hush@db.example.org/gateway?sslmode=maybe", "is no sslmode"),
    ],
)
def test_what_is_wrong_with_a_database_is_said_without_its_password(tmp_path: Path, url: str, said: str) -> None:
    file = tmp_path / "url"
    file.write_text(url)
    done = token(tmp_path / "data", "--database", str(file))
    assert (done.returncode, said in done.stderr.replace("\n", " ")) == (1, True), done.stderr
    assert "hush" not in done.stdout + done.stderr
