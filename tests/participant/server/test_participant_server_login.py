"""Tokens come in, and never leave again; an address that is no gateway gets none."""

from __future__ import annotations

import json
import ssl
import stat
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from server_world import Person, Requests
from small_gateway import send

SECRET = "pkit_a-token-that-nobody-may-see"


@pytest.fixture
def logged_out(ada: Person, own_home: Path) -> Person:
    (own_home / "credentials.json").unlink()
    return ada


@pytest.fixture
def refuse_to_show(ask: Requests) -> None:
    """Fail when an answer holds the secret."""
    ask.secrets.append(SECRET)


async def test_a_token_is_kept_for_its_owner_alone_and_not_sent_back(
    ask: Requests, logged_out: Person, own_home: Path
) -> None:
    here = {"gateway": logged_out.house.address}
    assert "name" not in await ask.get("login", **here)
    assert await ask.post("login", **here, token=f" {logged_out.token}\n") == here | {"name": logged_out.name}
    kept = own_home / "credentials.json"
    assert json.loads(kept.read_bytes())[logged_out.house.address]["token"].strip() == logged_out.token
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert (await ask.get("login", **here))["name"] == logged_out.name


async def test_a_wrong_token_is_a_message_with_a_next_step_and_is_not_kept(
    ask: Requests, logged_out: Person, own_home: Path, refuse_to_show: None
) -> None:
    problem = await ask.post("login", gateway=logged_out.house.address, token=SECRET, status=403)
    assert (problem["code"], bool(problem["message"]), bool(problem["hint"])) == ("token_unknown", True, True)
    assert not (own_home / "credentials.json").exists()
    assert "name" not in await ask.get("login", gateway=logged_out.house.address)


async def test_a_wrong_token_takes_the_place_of_no_right_one(ask: Requests, ada: Person, refuse_to_show: None) -> None:
    await ask.post("login", gateway=ada.house.address, token=SECRET, status=403)
    assert (await ask.get("login", gateway=ada.house.address))["name"] == ada.name


BODIES: list[Any] = [
    {"gateway": "GATEWAY", "token": [SECRET]},
    {"gateway": "GATEWAY", "token": SECRET, "more": SECRET},
    {"gateway": "GATEWAY", SECRET: SECRET},
    {"gateway": "GATEWAY", "token": SECRET * 100},
    {"gateway": "GATEWAY", "token": f"{SECRET} {SECRET}"},
    {"gateway": "GATEWAY", "token": ""},
    {"gateway": f"http://{SECRET}:{SECRET}@127.0.0.1", "token": SECRET},
    {"gateway": "http://192.0.2.1", "token": SECRET},
    {"gateway": "ftp://gateway.example", "token": SECRET},
    {"gateway": "", "token": SECRET},
    {"token": SECRET},
    [SECRET],
    SECRET,
    None,
]


async def test_no_error_of_a_login_shows_the_token(
    ask: Requests, ada: Person, refuse_to_show: None, caplog: pytest.LogCaptureFixture
) -> None:
    for body in BODIES:
        text = json.dumps(body).replace("GATEWAY", ada.house.address)
        assert (await ask.send("POST", "login", status=422, body=text))["message"]
    assert SECRET not in caplog.text


async def test_what_is_no_json_is_not_shown_either(
    ask: Requests, refuse_to_show: None, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await ask.send("POST", "login", status=422, body=f'{{"token": "{SECRET}'))["code"] == "request"
    assert SECRET not in caplog.text


async def test_what_does_not_say_that_it_is_a_gateway_gets_no_token(
    ask: Requests, refuse_to_show: None, serve: Callable[..., str]
) -> None:
    seen: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        seen.append(str(handler.headers))
        send(handler, b"<html>Sign in to the network</html>", kind="text/html")

    problem = await ask.post("login", gateway=serve(answer), token=SECRET, status=502)
    assert (problem["code"], bool(problem["hint"])) == ("gateway_answer", True)
    assert seen and not any(SECRET in headers for headers in seen)


async def test_nobody_at_the_address_is_a_message(ask: Requests, refuse_to_show: None, hasty: None) -> None:
    problem = await ask.post("login", gateway="http://127.0.0.1:1", token=SECRET, status=502)
    assert (problem["code"], bool(problem["hint"])) == ("gateway_unreachable", True)


@pytest.fixture
def distrusted(tmp_path: Path) -> Iterator[tuple[str, list[bytes]]]:
    """An HTTPS server with a certificate of its own making, and what it was sent."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "server.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    got: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            got.append(self.requestline.encode())
            send(self, b"{}")

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """Clients that go away are what is tested."""

    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}", got
    server.shutdown()
    server.server_close()


async def test_a_gateway_with_a_certificate_that_nobody_vouches_for_gets_nothing(
    ask: Requests, refuse_to_show: None, hasty: None, distrusted: tuple[str, list[bytes]]
) -> None:
    address, got = distrusted
    for problem in (
        await ask.post("login", gateway=address, token=SECRET, status=502),
        await ask.get("login", gateway=address, status=502),
        await ask.get("challenges", gateway=address, status=502),
    ):
        assert problem["code"] == "tls"
        assert "certificate" in problem["message"]
        assert problem["hint"]
    assert got == []


async def test_a_gateway_without_tls_where_there_should_be_is_told_apart(
    ask: Requests, ada: Person, refuse_to_show: None, hasty: None
) -> None:
    address = ada.house.address.replace("http://", "https://")
    assert (await ask.post("login", gateway=address, token=SECRET, status=502))["code"] == "tls"
