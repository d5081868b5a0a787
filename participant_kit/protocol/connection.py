"""HTTP to one gateway: a token, time limits, retries where they do no harm, errors with a next step."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from pydantic import BaseModel, TypeAdapter, ValidationError
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.util import Retry

from participant_kit import __version__
from participant_kit.protocol.address import gateway_address, is_loopback
from participant_kit.protocol.errors import UNREACHABLE, GatewayError, ProtocolError, printable
from participant_kit.protocol.messages import API_PREFIX, Problem

T = TypeVar("T")

MAX_ANSWER = 32 << 20
"""Bytes of an answer that is no file."""

SILENCE = 15
"""Seconds after which a connection is given up whose other end acknowledges nothing, whoever waits for whom."""

Params = dict[str, str | int | float | None]


class _Token(AuthBase):
    """The token of one gateway. An ``auth`` of our own also keeps requests from reading ``.netrc``."""

    def __init__(self, scheme: str, token: str | None) -> None:
        self._scheme, self._token = scheme, token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"{self._scheme} {self._token}"
        return request


class _Adapter(HTTPAdapter):
    """Notices connections that died in silence, as those do that a firewall has forgotten, long before a timeout."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, socket_options=_alive(), **options)

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        return super().proxy_manager_for(*args, socket_options=_alive(), **options)


def _alive() -> list[tuple[int, int, int]]:
    """Socket options, as far as this system has them: probes while nothing is under way, a limit for what is."""
    wanted = {
        "TCP_NODELAY": 1,
        "TCP_KEEPIDLE": SILENCE // 3,
        "TCP_KEEPALIVE": SILENCE // 3,  # its name on macOS
        "TCP_KEEPINTVL": SILENCE // 3,
        "TCP_KEEPCNT": 2,
        "TCP_USER_TIMEOUT": SILENCE * 1000,
    }
    found = [(socket.IPPROTO_TCP, getattr(socket, name), n) for name, n in wanted.items() if hasattr(socket, name)]
    return [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), *found]


@dataclass(frozen=True)
class Answer:
    """What came back, whole."""

    status: int
    body: bytes
    kind: str
    etag: str | None


class Connection:
    """Requests to the gateway at ``gateway``. Paths are those below ``/api/v1``.

    ``timeout`` is in seconds, for each wait on the network; GET and PUT are tried ``retries`` times more,
    because both mean the same when they arrive twice. Every method raises :class:`GatewayError`.
    """

    called = "gateway"
    login = "pkit login"
    prefix = API_PREFIX
    scheme = "Bearer"

    def __init__(
        self,
        gateway: str,
        token: str | None = None,
        *,
        timeout: float = 30,
        retries: int = 4,
        backoff: float = 0.4,
    ) -> None:
        self.gateway = gateway_address(gateway)
        self.has_token = token is not None
        self._timeout = timeout
        self._known: dict[str, tuple[str, bytes]] = {}
        self._session = requests.Session()
        self._session.auth = _Token(self.scheme, checked_token(token) if token is not None else None)
        self._session.headers["User-Agent"] = f"participant-kit/{__version__}"
        # A proxy named in the environment must not see what goes, unencrypted, to this machine itself.
        self._session.trust_env = not is_loopback(self.gateway)
        retry = Retry(
            total=retries,
            read=min(retries, 1),
            status_forcelist=(502, 503, 504),
            allowed_methods=("GET", "PUT"),
            backoff_factor=backoff,
            respect_retry_after_header=False,  # a spent quota says "tomorrow"; that is for a person to read
            raise_on_status=False,
        )
        self._session.mount("https://", _Adapter(max_retries=retry))
        self._session.mount("http://", _Adapter(max_retries=retry))

    def get(self, path: str, answer: type[T], *, wait: float = 0, **params: str | int | float | None) -> T:
        """The JSON at ``path`` as ``answer``. ``wait`` is for how many seconds the gateway may hold its answer.

        What came with an ETag before is asked for again only if it changed.
        """
        key = f"{path}?{params}"
        known = self._known.get(key)
        headers = {"If-None-Match": known[0]} if known else {}
        asked = {**params, "wait": wait} if wait else params
        got = self._send("GET", path, params=asked, headers=headers, wait=wait)
        body = known[1] if known and got.status == 304 else got.body
        if got.etag and got.status == 200:
            self._known[key] = (got.etag, body)
        return self._parse(body, got.kind, answer)

    def put(self, path: str, content: bytes, answer: type[T], **params: str | int | float | None) -> T:
        """Send ``content`` to ``path``; the JSON that comes back as ``answer``."""
        headers = {"Content-Type": "application/octet-stream"}
        got = self._send("PUT", path, params=params, headers=headers, content=content)
        return self._parse(got.body, got.kind, answer)

    def post(self, path: str, answer: type[T], body: BaseModel | None = None, *, wait: float = 0) -> T:
        """Ask for what ``path`` does with ``body``; the JSON that comes back as ``answer`` (nothing is ``null``)."""
        headers = {"Content-Type": "application/json"} if body else {}
        content = body.model_dump_json().encode() if body else None
        got = self._send("POST", path, headers=headers, content=content, wait=wait)
        return self._parse(got.body or b"null", got.kind, answer)

    def download(self, path: str, *, limit: int, progress: Callable[[int], None] | None = None) -> bytes:
        """The bytes at ``path``, at most ``limit``. ``progress`` is told how many have come."""
        return self._send("GET", path, limit=limit, progress=progress).body

    def require_token(self) -> None:
        """Raise :class:`GatewayError` when there is no token to show."""
        if not self.has_token:
            raise GatewayError(
                f"There is no token for {self.gateway} on this machine.",
                hint=f"Log in with: {self.login} {self.gateway}",
                code="no_token",
            )

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        headers: dict[str, str] | None = None,
        content: bytes | None = None,
        wait: float = 0,
        limit: int = MAX_ANSWER,
        progress: Callable[[int], None] | None = None,
    ) -> Answer:
        try:
            with self._session.request(
                method,
                self.gateway + self.prefix + path,
                params=params,
                headers=headers,
                data=content,
                timeout=(min(self._timeout, 10), self._timeout + wait),
                allow_redirects=False,
                stream=True,
            ) as response:
                self._check_redirect(response)
                body = self._read(response, limit, None if progress else self._timeout + wait, progress)
                kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
                answer = Answer(response.status_code, body, kind, response.headers.get("ETag"))
                told_its_end = any(name in response.headers for name in ("Content-Length", "Transfer-Encoding"))
        except requests.RequestException as error:
            raise self._explain(error) from None
        except ReadTimeoutError:
            raise self._slow() from None
        except HTTPError:
            raise self._broke_off() from None
        if answer.status >= 400:
            raise self._problem(answer)
        if not told_its_end and answer.status not in (204, 304) and "html" not in answer.kind:
            raise self._broke_off()  # whoever cuts the connection could make it shorter, and nobody would see
        return answer

    def _read(
        self,
        response: requests.Response,
        limit: int,
        seconds: float | None,
        progress: Callable[[int], None] | None,
    ) -> bytes:
        """The body, bounded in size and (unless it is a long file) in time, also when it comes in drops."""
        body, deadline = bytearray(), time.monotonic() + seconds if seconds else float("inf")
        while chunk := response.raw.read1(1 << 16, decode_content=True):
            body += chunk
            if len(body) > limit:
                raise self._error(
                    "answers with more than it should.", f"Tell whoever runs the {self.called}.", "gateway_answer"
                )
            if time.monotonic() > deadline:
                raise self._slow()
            if progress:
                progress(len(body))
        return bytes(body)

    def _parse(self, body: bytes, kind: str, answer: type[T]) -> T:
        if kind and not kind.endswith("json"):
            raise self._no_gateway(kind)
        try:
            return TypeAdapter(answer).validate_json(body)
        except ValidationError as error:
            newer = any(detail["loc"][-1:] == ("schema_version",) for detail in error.errors())
            raise self._error(
                "answers with something that this version does not understand.",
                f"Compare versions (this is {__version__}); upgrade with: pip install -U participant-kit",
                "newer_schema" if newer else "gateway_answer",
            ) from None

    def _check_redirect(self, response: requests.Response) -> None:
        if response.is_redirect:
            target = urlsplit(response.headers.get("Location", ""))
            shown = printable(f"{target.scheme}://{target.hostname}" if target.hostname else "another path", 300)
            raise self._error(
                f"sends on to {shown}, and a token is not shown to another address.",
                f"If that is where the {self.called} is now, log in to it with: {self.login} ADDRESS",
                "redirect",
            )

    def _problem(self, answer: Answer) -> GatewayError:
        try:
            problem = Problem.model_validate_json(answer.body)
        except ValidationError:
            if answer.status in (502, 503, 504):
                return self._error(
                    f"is down (HTTP {answer.status}).",
                    "Try again in a few minutes; nothing is lost.",
                    UNREACHABLE,
                )
            if "html" in answer.kind:
                return self._no_gateway(answer.kind)
            return self._error(
                f"failed (HTTP {answer.status}).", f"Tell whoever runs the {self.called}.", "gateway_answer"
            )
        message, hint = printable(problem.message), printable(problem.hint)
        if answer.status == 401 and not hint:
            hint = f"Log in again with: {self.login} {self.gateway}"
        return GatewayError(message, hint=hint, code=printable(problem.code, 100), status=answer.status)

    def _explain(self, error: requests.RequestException) -> GatewayError:
        reason = getattr(error.args[0], "reason", None) if error.args else None
        if isinstance(error, requests.exceptions.SSLError):
            return self._error(
                "has a certificate that this machine does not trust, or speaks no TLS.",
                "Check the address. If your network opens TLS, name its certificate in REQUESTS_CA_BUNDLE.",
                "tls",
            )
        if isinstance(error, requests.exceptions.ProxyError):
            return self._error(
                "cannot be reached through this machine's proxy.",
                "Check HTTPS_PROXY and NO_PROXY.",
                UNREACHABLE,
            )
        if isinstance(error, requests.Timeout) or isinstance(reason, ReadTimeoutError) or "timed out" in str(error):
            return self._slow()
        if isinstance(error, requests.ConnectionError):
            return self._error(
                "cannot be reached.", "Check the address and your network, or try again later.", UNREACHABLE
            )
        return self._error("cannot be asked that way.", "Check the address.", "address")

    def _slow(self) -> GatewayError:
        return self._error(
            f"gave no full answer within {self._timeout:g} seconds.",
            "Try again later; nothing is lost.",
            UNREACHABLE,
        )

    def _broke_off(self) -> GatewayError:
        return self._error("broke off in the middle of its answer.", "Try again.", UNREACHABLE)

    def _no_gateway(self, kind: str) -> GatewayError:
        return self._error(
            f"answers with {printable(kind, 50)} where a {self.called} answers with JSON.",
            "Check the address; a network's sign-in page may also stand in the way.",
            "gateway_answer",
        )

    def _error(self, what: str, hint: str, code: str) -> GatewayError:
        return GatewayError(f"The {self.called} {self.gateway} {what}", hint=hint, code=code)


def checked_token(token: str) -> str:
    """``token`` without white space around it. Raises :class:`ProtocolError`, which does not show it."""
    token = token.strip()
    if not token or len(token) > 1000 or any(not "!" <= char <= "~" for char in token):
        raise ProtocolError(
            "This is no token: one word of letters, digits and signs.",
            hint="Copy it again, alone.",
        )
    return token
