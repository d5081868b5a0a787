"""Blobs in an S3-compatible store. Endpoint, region and keys come from the standard AWS_* variables alone."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from urllib.parse import urlsplit

from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from participant_kit.gateway.blobs import SETTLED, Blobs, StoreError
from participant_kit.gateway.errors import SettingsError
from participant_kit.gateway.metrics import count_error

PATIENCE = timedelta(seconds=10)
"""For which a request is tried again; each try may take as long."""
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_REFUSED = re.compile(r"status code: 40[13]\b")
"""What the library says of a list that is refused, for which it has no error of its own."""
_log = logging.getLogger(__name__)


class S3(Blobs):
    """Objects ``PREFIX/kind/name`` in a bucket. No store says how much room it has left: ``reserve`` is not kept."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if not parts.netloc or parts.query or parts.fragment or "@" in parts.netloc:
            hint = "Expected: s3://BUCKET/PREFIX, with keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
            raise SettingsError("This is no address of an S3 store.", hint=hint)
        endpoint = next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), "")
        try:
            with _asked():
                self._store = S3Store(
                    parts.netloc,
                    prefix=parts.path.strip("/") or None,
                    client_options={"timeout": PATIENCE, "allow_http": endpoint.startswith("http://")},
                    retry_config={"max_retries": 5, "retry_timeout": PATIENCE},
                    disable_bulk_delete=True,  # not every store knows it
                )
            self._list("probe")
        except StoreError as error:
            hint = "Look at the bucket, AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
            raise SettingsError(f"The store of blobs does not let the gateway in: {error}.", hint=hint) from None

    def put(self, kind: str, name: str, data: bytes, *, reserve: int = 0) -> None:
        """The store answers once it is durable."""
        with _asked():
            self._store.put(f"{kind}/{name}", data)

    def get(self, kind: str, name: str) -> bytes | None:
        """The bytes, or None."""
        try:
            with _asked():
                return bytes(self._store.get(f"{kind}/{name}").bytes())
        except _Missing:
            return None

    def remove(self, kind: str, name: str) -> None:
        """Take it away, if it is there; what the store does not take away now is left to :meth:`sweep`."""
        try:
            with _asked(), suppress(FileNotFoundError):
                self._store.delete(f"{kind}/{name}")
        except StoreError as error:
            count_error(error)
            _log.warning("A blob of the kind %s was not removed: %s", kind, error)

    def sweep(self, kind: str, keep: Iterable[str]) -> None:
        """By the time at which the store wrote each."""
        kept, old = set(keep), time.time() - SETTLED
        for name, written in self._list(kind):
            if name not in kept and written < old:
                self.remove(kind, name)

    def _list(self, kind: str) -> list[tuple[str, float]]:
        """Name and time of each."""
        with _asked():
            return [
                (each["path"].rpartition("/")[2], each["last_modified"].timestamp())
                for some in self._store.list(kind)
                for each in some
            ]


class _Missing(StoreError):
    """There is no such object."""


@contextmanager
def _asked() -> Iterator[None]:
    """Turn the library's errors, whose texts have addresses and answers, into ours."""
    try:
        yield
    except (BaseError, FileNotFoundError) as error:
        if "NoSuchBucket" in str(error):
            raise StoreError("there is no such bucket") from None
        if isinstance(error, (NotFoundError, FileNotFoundError)):
            raise _Missing("there is no such object") from None
        refused = isinstance(error, (PermissionDeniedError, UnauthenticatedError))
        if refused or _REFUSED.search(str(error)):
            raise StoreError("it does not accept the keys") from None
        raise StoreError("it does not answer") from None
