"""A connection over TLS that somebody on the way cuts: said so, never taken for a short answer."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from participant_kit.protocol.connection import Connection
from participant_kit.protocol.errors import UNREACHABLE, GatewayError
from participant_kit.protocol.messages import Account

TOKEN = "a-token-that-nobody-may-see"
BODY = b'{"name": "ada", "role": "participant"}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
COUNTED = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY)
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(BODY)
UNCOUNTED = HEAD + b"Connection: close\r\n\r\n"
"""Only the end of the connection tells the end of such an answer: no gateway sends one, and none is taken."""

Speak = Callable[[bytes | None], str]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for this machine, with its key, signed by itself."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(made.public_bytes(Encoding.PEM) + secret)
    return path


@pytest.fixture
def speak(certificate: Path) -> Iterator[Speak]:
    """Starts a server that answers each connection with some bytes and cuts it; None cuts the handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    servers: list[socket.socket] = []

    def start(answer: bytes | None) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def serve() -> None:
            while True:
                try:
                    plain, _ = server.accept()
                except OSError:
                    return
                with plain:
                    if answer is None:
                        plain.recv(100)
                        continue
                    try:
                        with context.wrap_socket(plain, server_side=True) as secure:
                            secure.recv(10_000)
                            secure.sendall(answer)
                    except OSError:
                        continue  # whoever does not trust us is gone already

        threading.Thread(target=serve, daemon=True).start()
        return f"https://127.0.0.1:{server.getsockname()[1]}"

    yield start
    for server in servers:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


def connect(address: str, certificate: Path) -> Connection:
    connection = Connection(address, TOKEN, timeout=5, retries=0)
    connection._session.verify = str(certificate)
    return connection


@pytest.mark.parametrize("head", [COUNTED, CHUNKED, UNCOUNTED], ids=["counted", "chunked", "uncounted"])
@pytest.mark.parametrize("part", [0, 1, len(BODY) // 2])
def test_an_answer_that_is_cut_is_no_answer(speak: Speak, certificate: Path, head: bytes, part: int) -> None:
    with pytest.raises(GatewayError) as raised:
        connect(speak(head + BODY[:part]), certificate).get("/me", Account)
    assert raised.value.hint
    assert TOKEN not in str(raised.value)
    assert "broke off" in raised.value.message
    assert raised.value.may_pass


@pytest.mark.parametrize("answer", [None, b"", HEAD[:9], HEAD], ids=["handshake", "nothing", "status", "header"])
def test_a_connection_that_is_cut_before_the_answer_is_none(
    speak: Speak, certificate: Path, answer: bytes | None
) -> None:
    with pytest.raises(GatewayError) as raised:
        connect(speak(answer), certificate).get("/me", Account)
    assert raised.value.hint
    assert raised.value.may_pass
    assert raised.value.code == UNREACHABLE
    assert "certificate" not in raised.value.message


@pytest.mark.parametrize("answer", [COUNTED + BODY, CHUNKED + BODY + b"\r\n0\r\n\r\n"], ids=["counted", "chunked"])
def test_a_whole_answer_is_taken_also_without_a_farewell(speak: Speak, certificate: Path, answer: bytes) -> None:
    assert connect(speak(answer), certificate).get("/me", Account).name == "ada"


def test_a_file_that_is_cut_is_no_shorter_file(speak: Speak, certificate: Path) -> None:
    with pytest.raises(GatewayError, match="broke off"):
        connect(speak(UNCOUNTED + b"half a kit"), certificate).download("/challenges/small/kit", limit=1000)


def test_a_certificate_that_nobody_vouches_for_is_told_as_such(speak: Speak) -> None:
    with pytest.raises(GatewayError, match="certificate") as raised:
        Connection(speak(COUNTED + BODY), TOKEN, timeout=5, retries=0).get("/me", Account)
    assert raised.value.code == "tls"
