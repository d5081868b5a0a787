"""Mail by SMTP: plain words, by TLS where it was asked for, and never without it then.

Certificates are trusted that the system trusts, or those in the file that ``SSL_CERT_FILE`` names.
"""

from __future__ import annotations

import smtplib
import ssl
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any
from urllib.parse import unquote, urlsplit

from participant_kit.gateway.errors import SettingsError
from participant_kit.protocol.address import is_loopback

PATIENCE = 20.0
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


class MailError(Exception):
    """The mail server is not the one that was meant, or cannot keep a secret; it got nothing."""


class Mail:
    """Sends by the server at ``url``: smtps://USER:PASSWORD@HOST, smtp+starttls://..., or smtp://HOST without TLS."""

    def __init__(self, url: str, sender: str | None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise SettingsError("This is no URL of a mail server.", hint=f"Known: {', '.join(_PORTS)}, with ://HOST")
        if parts.scheme == "smtp" and parts.username and not is_loopback(url):
            hint = "Use smtps:// or smtp+starttls://"
            raise SettingsError("smtp:// would show the password to anybody on the way.", hint=hint)
        if not sender or not is_mail_address(sender):
            raise SettingsError("Mail needs an address that it comes from.", hint="Give it: --mail-from NAME@HOST")
        self._parts, self._sender = parts, sender

    def send(self, to: str, identifier: str, message: dict[str, Any], link: str) -> str:
        """Hand it to the server; what the log says of it."""
        mail = EmailMessage()
        mail["From"], mail["To"] = self._sender, Address(addr_spec=to)
        mail["Subject"] = " ".join(message["title"].split())
        mail["Message-ID"] = f"<{identifier}@{self._sender.rpartition('@')[2]}>"
        mail["Date"] = datetime.fromisoformat(message["timestamp"])
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(f"{message['text']}\n\n{link}\n")
        try:
            with self._open() as server:
                server.send_message(mail)
        except ssl.SSLCertVerificationError as error:
            raise MailError(f"the mail server's certificate is not trusted: {error.verify_message}") from None
        except ssl.SSLError as error:
            raise MailError(f"the mail server does not speak TLS as it should: {error.reason}") from None
        return "sent"

    def _open(self) -> smtplib.SMTP:
        parts, context = self._parts, ssl.create_default_context()
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        if parts.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=PATIENCE, context=context)
        else:
            server = smtplib.SMTP(host, port, timeout=PATIENCE)
        try:
            if parts.scheme == "smtp+starttls":
                _begin_tls(server, context)
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
        except BaseException:
            server.close()
            raise
        return server


def _begin_tls(server: smtplib.SMTP, context: ssl.SSLContext) -> None:
    server.ehlo_or_helo_if_needed()
    if not server.has_extn("starttls"):  # or somebody on the way has taken the word out
        raise MailError("the mail server offers no STARTTLS, and nothing is sent without it")
    server.starttls(context=context)


def is_mail_address(text: str) -> bool:
    """Whether mail can be sent to it."""
    try:
        address = Address(addr_spec=text)
    except (ValueError, IndexError, MessageError):
        return False
    return bool(address.username and address.domain) and text.isascii() and text.isprintable() and " " not in text
