"""Mail by SMTP, in plain text."""

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

PATIENCE = 20.0
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


class Mail:
    """Sends by the server at ``url``: smtps://USER:PASSWORD@HOST, smtp+starttls://..., or smtp://HOST without TLS."""

    def __init__(self, url: str, sender: str | None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise SettingsError("This is no URL of a mail server.", hint=f"Known: {', '.join(_PORTS)}, with ://HOST")
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
        with self._open() as server:
            server.send_message(mail)
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
                server.starttls(context=context)
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
        except BaseException:
            server.close()
            raise
        return server


def is_mail_address(text: str) -> bool:
    """Whether mail can be sent to it."""
    try:
        address = Address(addr_spec=text)
    except (ValueError, IndexError, MessageError):
        return False
    return bool(address.username and address.domain) and text.isascii() and text.isprintable() and " " not in text
