"""The courier: takes what is due from the outbox and sends it, and looks whether a phase has begun or ended.

Each message is lent for a while before it is sent, so that of several processes one sends it, and that of one which
was killed comes again. Webhooks are signed as Standard Webhooks says (https://www.standardwebhooks.com).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import threading
import time
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError

from participant_kit.gateway.challenges import list_challenges
from participant_kit.gateway.database import Database, insert_missing
from participant_kit.gateway.mail import Mail, MailError
from participant_kit.gateway.news import tell_all
from participant_kit.gateway.settings import Settings
from participant_kit.gateway.tables import challenges, channels, milestones, outbox
from participant_kit.gateway.webhook import post_webhook

_log = logging.getLogger(__name__)
LOOK_EVERY = 2.0
"""Seconds between two looks."""
LENT = 120.0
"""Seconds for which a message is one process's to send."""
AGAIN = (10, 60, 300, 1800, 7200, 18000, 36000, 86400)
"""Seconds after which it is tried again, after each failure; then it is given up."""
LATE = 86400.0
"""Seconds after which nobody is told any more that a phase began or ended."""


class Courier:
    """Works in a thread of its own while the gateway serves."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings, self._database = settings, database
        self._mail = Mail(settings.smtp, settings.mail_from) if settings.smtp else None
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._work, name="courier", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, after what is being sent; what is not is sent by the next one."""
        self._ends.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def _work(self) -> None:
        while not self._ends.wait(LOOK_EVERY):
            try:
                self.look_at_phases()
                self.send_due()
            except SQLAlchemyError as error:
                _log.warning("The outbox cannot be read (%s); it is tried again.", type(error).__name__)

    def look_at_phases(self) -> None:
        """Tell of each phase once that it has begun, and that it has ended."""
        now = time.time()
        with self._database.read() as connection:
            infos = list_challenges(connection)
            published = {row.slug: row.updated_at for row in connection.execute(select(challenges))}
            known = {tuple(row) for row in connection.execute(select(milestones))}
        for info in infos:
            card = info.card
            for phase in card.phases:
                for what, moment in (("begins", phase.starts.timestamp()), ("ends", phase.ends.timestamp())):
                    key = (card.slug, phase.name, what, moment)
                    since = max(now - LATE, published.get(card.slug, now))
                    if since < moment <= now and key not in known:
                        self._tell_phase(key, card.title)

    def _tell_phase(self, key: tuple[str, str, str, float], title: str) -> None:
        slug, phase, what, moment = key
        with self._database.write() as connection:
            if insert_missing(connection, milestones, challenge=slug, phase=phase, what=what, moment=moment):
                said, data = f"{title}: the phase {phase} {what}.", {"phase": phase, "what": what}
                tell_all(connection, "phase", slug, f"{slug}: {phase} {what}", said, data)

    def send_due(self) -> int:
        """Send what is due; how many were tried."""
        tried = 0
        while not self._ends.is_set() and (one := self._take()) is not None:
            message, channel = one
            try:
                answer, sent = self._send(message, channel), True
            except Exception as error:  # whatever a stranger's server does, the others get theirs
                answer, sent = f"{type(error).__name__}: {error}"[:200], False
                if channel.kind == "mail":  # the operator's own server; what others say may name who gets it
                    said = error if isinstance(error, MailError) else type(error).__name__
                    _log.warning("Mail was not sent, and is tried again: %s", said)
            self._note(message, sent, answer)
            tried += 1
        return tried

    def _take(self) -> tuple[Any, Any] | None:
        now = time.time()
        due = select(outbox).where(outbox.c.next_at <= now).order_by(outbox.c.next_at, outbox.c.id).limit(1)
        with self._database.read() as connection:  # who has nothing to send disturbs nobody
            if connection.execute(due).one_or_none() is None:
                return None
        with self._database.write() as connection:
            message = connection.execute(due.with_for_update(skip_locked=True)).one_or_none()
            if message is None:
                return None
            values = {"next_at": now + LENT, "attempts": message.attempts + 1}
            connection.execute(update(outbox).where(outbox.c.id == message.id).values(values))
            channel = connection.execute(select(channels).where(channels.c.id == message.channel)).one()
        return message, channel

    def _send(self, message: Any, channel: Any) -> str:
        link = f"{self._settings.address or ''}{message.message['path']}"
        if channel.kind == "mail":
            if self._mail is None:
                raise ValueError("this gateway sends no mail any more")
            return self._mail.send(channel.address, message.id, message.message, link)
        said = message.message
        data = {**said["data"], "title": said["title"], "text": said["text"], "link": link}
        body = json.dumps({"type": message.event, "timestamp": said["timestamp"], "data": data}).encode()
        headers = sign(message.id, int(time.time()), body, channel.secret)
        return post_webhook(channel.address, body, headers, private=self._settings.private_webhooks)

    def _note(self, message: Any, sent: bool, answer: str) -> None:
        now, failures = time.time(), message.attempts
        if sent:
            values: dict[str, Any] = {"sent_at": now, "next_at": None}
        else:
            values = {"next_at": now + AGAIN[failures] if failures < len(AGAIN) else None}
        with self._database.write() as connection:
            connection.execute(update(outbox).where(outbox.c.id == message.id).values(**values, answer=answer))


def sign(identifier: str, timestamp: int, body: bytes, secret: str) -> dict[str, str]:
    """The headers of Standard Webhooks."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{identifier}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": identifier, "webhook-timestamp": str(timestamp), "webhook-signature": signature}
