"""How often one address may try something, by the ``limits`` library; counted by each process for itself."""

from __future__ import annotations

import time

from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from participant_kit.gateway.errors import GatewayError

ALLOWED = {
    "login": "10 per minute; 60 per hour",
    "invitation": "10 per minute; 60 per hour",
    "token": "10 per hour",
    "test": "10 per hour",
}
"""By what is tried. Of logins and invitations, only those that fail are counted."""


class Limits:
    """Counts what was tried."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._items: dict[str, list[RateLimitItem]] = {what: list(parse_many(text)) for what, text in ALLOWED.items()}

    def check(self, what: str, who: str) -> None:
        """Raise :class:`GatewayError` (429) when ``who`` has tried too often."""
        for item in self._items[what]:
            if not self._limiter.test(item, what, who):
                resets = self._limiter.get_window_stats(item, what, who).reset_time
                minutes = max(1, round((resets - time.time()) / 60))
                hint = f"Try again in {minutes} minute{'s' if minutes > 1 else ''}."
                raise GatewayError(429, "too_often", "Too many attempts from your address.", hint=hint)

    def count(self, what: str, who: str) -> None:
        """One more attempt."""
        for item in self._items[what]:
            self._limiter.hit(item, what, who)
