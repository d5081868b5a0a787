"""The websocket over which a page hears of changes."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from jupyter_core.utils import ensure_async
from jupyter_server.auth.decorator import ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from tornado import web
from tornado.ioloop import PeriodicCallback
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from participant_kit.participant.server.broker import Broker
from participant_kit.participant.server.messages import Event

AUTH_RESOURCE = "participant_kit"
ALIVE_EVERY = 15.0
"""Seconds between two signs of life, by which the page tells a silent line from a dead one."""
MAX_WATCHED = 50
"""Challenges that one page may watch."""


class EventsHandler(WebSocketMixin, WebSocketHandler, JupyterHandler):
    """One page. See :class:`~participant_kit.participant.server.messages.Event` for what is said."""

    auth_resource = AUTH_RESOURCE

    def initialize(self, broker: Broker) -> None:
        """Called by tornado for each connection."""
        self._broker = broker
        self._loop = asyncio.get_event_loop()
        self._alive = PeriodicCallback(lambda: self._send(Event(kind="alive").json_text()), ALIVE_EVERY * 1000)

    @ws_authenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Open the connection for whoever may use this server."""
        if not await ensure_async(self.authorizer.is_authorized(self, self.current_user, "read", AUTH_RESOURCE)):
            raise web.HTTPError(403)
        await super().get(*args, **kwargs)

    def open(self, *args: str, **kwargs: str) -> None:
        """Begin to tell."""
        super().open(*args, **kwargs)
        self._alive.start()
        self._broker.open(self._tell)

    def on_message(self, message: str | bytes) -> None:
        """The page says what it shows."""
        try:
            keys = {(str(gateway), str(challenge)) for gateway, challenge in json.loads(message)["watch"]}
        except (ValueError, KeyError, TypeError, RecursionError):
            self.close(1003, "expected a JSON object with watch")
            return
        if len(keys) > MAX_WATCHED:
            self.close(1008, "too many challenges")
            return
        self._broker.watch(self._tell, keys)

    def on_close(self) -> None:
        """Tell no more."""
        super().on_close()
        self._alive.stop()
        self._broker.close(self._tell)

    def _tell(self, event: Event) -> None:
        """From any thread."""
        text = event.json_text()
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._send, text)

    def _send(self, text: str) -> None:
        try:
            self.write_message(text)
        except WebSocketClosedError:
            self._broker.close(self._tell)
