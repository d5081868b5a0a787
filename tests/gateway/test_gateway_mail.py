"""Mail by TLS, to real mail servers on loopback: trusted ones get it, all others get nothing, and it waits."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from email import message_from_string
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from databases import query

from participant_kit.gateway.accounts import create_token
from participant_kit.gateway.courier import Courier
from participant_kit.gateway.database import Database
from participant_kit.gateway.errors import SettingsError
from participant_kit.gateway.mail import Mail
from participant_kit.gateway.news import add_channel
from participant_kit.gateway.settings import Settings

Serve = Callable[..., "MailServer"]


class MailServer:
    """A mail server that keeps what comes, by which TLS, and who logged in."""

    def __init__(self) -> None:
        self.mails: list[str] = []
        self.recipients: list[str] = []
        self.by_tls: list[bool] = []
        self.people: list[tuple[bytes, bytes]] = []
        self.seen = 0
        self.port = 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(envelope.content.decode())
        self.recipients += envelope.rcpt_tos
        self.by_tls.append(server.transport.get_extra_info("cipher") is not None)
        return "250 OK"

    async def handle_EHLO(self, server: Any, session: Any, envelope: Any, name: str, lines: list[str]) -> list[str]:
        self.seen += 1
        session.host_name = name
        return lines

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.people.append((data.login, data.password))
        return AuthResult(success=True)


class Listener(Controller):
    """Takes a free port."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a mail server with the certificate of ``host`` from ``authority``: by TLS from the first byte, or later."""
    with ExitStack() as stack:

        def start(authority: trustme.CA | None = None, *, at_once: bool = False, host: str = "127.0.0.1") -> MailServer:
            box, options = MailServer(), {}
            if authority is not None:
                context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
                authority.issue_cert(host).configure_cert(context)
                name = "ssl_context" if at_once else "tls_context"
                options = {name: context} | ({} if at_once else {"require_starttls": True})
            controller = Listener(
                box, hostname="127.0.0.1", port=0, authenticator=box.authenticate, auth_require_tls=False, **options
            )
            controller.start()
            stack.callback(controller.stop)
            box.port = controller.port
            return box

        yield start


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """One that this machine trusts."""
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return made


@pytest.fixture
def send(data: Path) -> Iterator[Callable[[str], tuple[bool, bool, str]]]:
    """Let a courier send one mail by the server at a URL: whether it was sent, whether it still waits, and the log."""
    with ExitStack() as stack:

        def once(url: str) -> tuple[bool, bool, str]:
            settings = Settings(data, smtp=url, mail_from="news@example.org")
            create_token(data, "ada", "participant")
            database = Database(settings)
            stack.callback(database.close)
            with database.write() as connection:
                add_channel(connection, "ada", "mail", "ada@example.org", ["result"])
            assert Courier(settings, database).send_due() == 1
            [(sent, waits, answer)] = query(
                settings, "SELECT sent_at IS NOT NULL, next_at IS NOT NULL, answer FROM outbox"
            )
            return bool(sent), bool(waits), answer

        yield once


@pytest.mark.parametrize("at_once", [True, False], ids=["from the first byte", "by STARTTLS"])
def test_mail_goes_by_tls_and_so_does_the_password(
    serve: Serve, send: Any, authority: trustme.CA, at_once: bool
) -> None:
    box = serve(authority, at_once=at_once)
    scheme = "smtps" if at_once else "smtp+starttls"
    assert send(f"{scheme}://news:s%40cret@127.0.0.1:{box.port}") == (True, False, "sent")
    assert len(box.mails) == 1 and "ada wants news" in box.mails[0]
    assert box.by_tls == [True] and box.people == [(b"news", b"s@cret")]


@pytest.mark.attack("mail on the way")
@pytest.mark.parametrize("at_once", [True, False], ids=["from the first byte", "by STARTTLS"])
@pytest.mark.parametrize("why", ["nobody vouches for it", "it is another's"])
def test_a_certificate_that_is_not_trusted_gets_no_mail_and_no_password(
    serve: Serve, send: Any, authority: trustme.CA, caplog: pytest.LogCaptureFixture, at_once: bool, why: str
) -> None:
    if why == "it is another's":
        box = serve(authority, at_once=at_once, host="mail.example.org")
    else:
        box = serve(trustme.CA(), at_once=at_once)
    scheme = "smtps" if at_once else "smtp+starttls"
    with caplog.at_level(logging.WARNING):
        sent, waits, answer = send(f"{scheme}://news:s%40cret@127.0.0.1:{box.port}")
    assert (sent, waits) == (False, True) and "certificate is not trusted" in answer
    assert box.mails == [] and box.people == []
    assert "certificate is not trusted" in caplog.text
    assert "s@cret" not in caplog.text + answer and "ada@" not in caplog.text


@pytest.mark.attack("mail on the way")
def test_where_tls_is_not_offered_nothing_is_sent_without_it(serve: Serve, send: Any) -> None:
    """As when somebody on the way takes the word STARTTLS out of what the server says."""
    box = serve()
    sent, waits, answer = send(f"smtp+starttls://news:s%40cret@127.0.0.1:{box.port}")
    assert (sent, waits) == (False, True) and "offers no STARTTLS" in answer
    assert box.seen == 1 and box.mails == [] and box.people == []


@pytest.mark.attack("mail on the way")
def test_where_tls_was_meant_from_the_first_byte_nothing_is_said_in_clear(serve: Serve, send: Any) -> None:
    box = serve()
    sent, waits, answer = send(f"smtps://news:s%40cret@127.0.0.1:{box.port}")
    assert (sent, waits) == (False, True) and "does not speak TLS" in answer
    assert box.seen == 0 and box.mails == [] and box.people == []


def test_a_password_is_not_taken_for_a_server_without_tls() -> None:
    with pytest.raises(SettingsError, match="show the password"):
        Mail("smtp://news:secret@mail.example.org", "news@example.org")
    Mail("smtp://news:secret@127.0.0.1", "news@example.org")
    Mail("smtp://mail.example.org", "news@example.org")


@pytest.mark.attack("mail header injection")
def test_no_line_of_a_title_or_an_address_becomes_a_header_or_another_to_send_to(serve: Serve) -> None:
    box = serve()
    mail = Mail(f"smtp://127.0.0.1:{box.port}", "news@example.org")
    message = {"text": "..\r\n.\r\nRCPT TO:<eve@evil.example>\r\n", "timestamp": "2026-01-01T00:00:00+00:00"}
    titles = [f"News{end}Bcc: eve@evil.example" for end in ("\r\n", "\n", "\r", "\u2028", "\x0b", "\x85")]
    for title in titles:
        mail.send("ada@example.org", "id-1", message | {"title": title}, "https://gateway.example.org/")
        read = message_from_string(box.mails[-1])
        assert read["Bcc"] is None and read["To"] == "ada@example.org" and len(read.get_all("Subject") or ()) == 1
    assert set(box.recipients) == {"ada@example.org"} and len(box.mails) == len(titles)
    for to in ("ada@example.org\r\nBcc: eve@evil.example", "ada@example.org, eve@evil.example"):
        with pytest.raises(ValueError):
            mail.send(to, "id-1", message | {"title": "News"}, "")
    assert len(box.mails) == len(titles)
