"""HTTP to one Codabench server, and to the storage that its signed addresses lead to."""

from __future__ import annotations

import json
import logging
import re
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests

from participant_kit.protocol.connection import Answer, Connection
from participant_kit.protocol.errors import UNREACHABLE, GatewayError, printable

T = TypeVar("T")

LOGIN = "codabench_login"
"""The code of an error for want of a token that the server takes."""
NOT_ADMITTED = "not_admitted"
"""The code of an error for want of the organizer's approval."""

_NO_TOKEN = ("invalid token", "authentication credentials", "inactive or deleted")
"""How Django REST framework begins what it says of a token. Codabench sends it as 403, like every other refusal."""


class CodabenchConnection(Connection):
    """Requests to the server's REST API, with the token that ``pkit login --codabench`` has kept."""

    called = "Codabench server"
    login = "pkit login --codabench"
    prefix = "/api"
    scheme = "Token"

    def require_token(self) -> None:
        """Raise :class:`GatewayError` when there is no token to show."""
        if not self.has_token:
            raise self._login(f"You are not logged in to the Codabench server {self.gateway}.", None)

    def put_nothing(self, path: str, answer: type[T]) -> T:
        """A PUT without a body, which may arrive twice."""
        got = self._send("PUT", path)
        return self._parse(got.body, got.kind, answer)

    def delete(self, path: str) -> None:
        """Delete what is at ``path``; once is as good as twice."""
        try:
            self._send("DELETE", path)
        except GatewayError as error:
            if error.status != 404:
                raise

    def _problem(self, answer: Answer) -> GatewayError:
        said = _said(answer.body) if "json" in answer.kind else ""
        status = answer.status
        if status in (401, 403) and (status == 401 or said.lower().startswith(_NO_TOKEN)):
            return self._login(f"The Codabench server {self.gateway} does not take your token any more.", status)
        if status == 403:
            admission = "access to this competition" in said
            return GatewayError(
                f"The Codabench server says no: {said or 'HTTP 403'}",
                hint="Register on the competition's page; the organizer may have to approve you first."
                if admission
                else "That is the organizer's to allow.",
                code=NOT_ADMITTED if admission else "codabench_refused",
                status=status,
            )
        if status == 404:
            return GatewayError(
                f"The Codabench server {self.gateway} has nothing there, or shows it to nobody but its participants.",
                hint="Check the number in the address, and register on the competition's page if it is private.",
                code="not_found",
                status=status,
            )
        if status >= 500:
            return GatewayError(
                f"The Codabench server {self.gateway} failed (HTTP {status}).",
                hint="Try again in a few minutes; nothing is sent twice.",
                code=UNREACHABLE,
                status=status,
            )
        code = "storage_full" if "insufficient space" in said.lower() else "codabench_refused"
        return GatewayError(
            f"The Codabench server refuses: {said or f'HTTP {status}'}",
            hint="Free space under Resources on its page."
            if code == "storage_full"
            else "Correct what it names, or ask the organizer.",
            code=code,
            status=status,
        )

    def _login(self, message: str, status: int | None) -> GatewayError:
        return GatewayError(message, hint=f"Log in with: {self.login} {self.gateway}", code=LOGIN, status=status)


class Storage(Connection):
    """The host of a signed address. It gets no token, and no error shows more of the address than the host."""

    called = "storage"
    login = ""
    prefix = ""

    def upload(self, path: str, content: bytes) -> None:
        """Put ``content`` at the signed ``path``; the type is signed too."""
        # The second header is for Azure alone; others pass over it.
        self._send(
            "PUT", path, headers={"Content-Type": "application/zip", "x-ms-blob-type": "BlockBlob"}, content=content
        )

    def redirect(self, path: str) -> str:
        """The address that ``path`` leads to. Raises :class:`GatewayError`."""
        try:
            with self._session.get(self.gateway + path, timeout=(10, self._timeout), allow_redirects=False) as answer:
                if answer.is_redirect:
                    return answer.headers["Location"]
                status = answer.status_code
        except requests.RequestException as error:
            raise self._explain(error) from None
        raise GatewayError(
            f"{self.gateway} does not give the file (HTTP {status}).",
            hint="Get it on the competition's page.",
            code="no_file",
            status=status,
        )

    def _problem(self, answer: Answer) -> GatewayError:
        return GatewayError(
            f"The storage {self.gateway} refuses the file (HTTP {answer.status}).",
            hint="The signed address may have expired. Try again: nothing is sent twice.",
            code=UNREACHABLE if answer.status >= 500 else "upload_refused",
            status=answer.status,
        )


def storage_of(address: str, **options: Any) -> tuple[Storage, str]:
    """The storage that a signed ``address`` leads to, and the path there. Raises for plain HTTP to another machine."""
    parts = urlsplit(address)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return Storage(f"{parts.scheme}://{parts.netloc}", **options), path


def _without_signatures(record: logging.LogRecord) -> bool:
    """Leave the query out of signed addresses in what the HTTP library logs, such as each that it tries again."""
    text = record.getMessage()
    if "signature=" in text.lower() or "sig=" in text.lower():
        record.msg, record.args = _QUERY.sub("?…", text), None
    return True


_QUERY = re.compile(r"\?[^\s'\"]+")
for _name in ("urllib3.connectionpool", "urllib3.util.retry"):
    logging.getLogger(_name).addFilter(_without_signatures)


def _said(body: bytes) -> str:
    """The sentences in an error of Django REST framework, whatever keys they are under."""

    def sentences(found: Any) -> list[str]:
        if isinstance(found, dict):
            return [text for value in found.values() for text in sentences(value)]
        if isinstance(found, list):
            return [text for value in found for text in sentences(value)]
        return [str(found)]

    try:
        return printable(" ".join(sentences(json.loads(body))), 500)
    except (ValueError, RecursionError):
        return ""
