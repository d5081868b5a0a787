"""Talking to a gateway over HTTP: what a participant, an organizer and a runner have in common."""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

import requests
from pydantic import BaseModel, ValidationError
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from participant_kit import __version__
from participant_kit.protocol.errors import ProtocolError
from participant_kit.protocol.messages import API_PREFIX, Problem

TIMEOUT = (5.0, 60.0)
"""Seconds to connect, and to wait for the next byte of an answer."""


class GatewayUnreachableError(ProtocolError):
    """No usable answer: the gateway is down, slow, or something else answers in its place."""

    code = "gateway_unreachable"


class GatewayRefusedError(ProtocolError):
    """The gateway said no. ``status`` is the HTTP status, ``code`` the word of its :class:`Problem`."""

    def __init__(self, problem: Problem, status: int) -> None:
        self.status = status
        self.code = problem.code
        super().__init__(problem.message, hint=problem.hint)


class Connection:
    """One gateway and one token (or none). Plain HTTP is for loopback alone.

    Requests that may be sent twice are, when the connection fails; redirects are never followed, because a
    token is sent along. ``str()`` shows no token. Safe to use from one thread at a time.
    """

    def __init__(self, gateway: str, token: str | None = None, *, retries: int = 3) -> None:
        self.gateway = check_gateway(gateway)
        self._session = requests.Session()
        self._session.trust_env = not _is_loopback(urlsplit(self.gateway).hostname or "")
        self._session.headers["User-Agent"] = f"participant-kit/{__version__}"
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"
        retry = Retry(
            total=retries,
            backoff_factor=0.2,
            status_forcelist=(502, 503, 504),
            allowed_methods=("GET", "PUT"),
            raise_on_status=False,
        )
        self._session.mount("http://", HTTPAdapter(max_retries=retry))
        self._session.mount("https://", HTTPAdapter(max_retries=retry))

    def __str__(self) -> str:
        return f"Connection({self.gateway})"

    def request(
        self,
        method: str,
        path: str,
        *,
        body: BaseModel | bytes | None = None,
        params: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        wait: float = 0.0,
    ) -> requests.Response:
        """Send ``body`` to ``path`` (below the API's prefix); ``wait`` is how long the gateway may hold it, in s.

        Raises :class:`GatewayUnreachableError` or :class:`GatewayRefusedError`.
        """
        data = body.model_dump_json().encode() if isinstance(body, BaseModel) else body
        kind = "application/json" if isinstance(body, BaseModel) else "application/octet-stream"
        try:
            response = self._session.request(
                method,
                f"{self.gateway}{API_PREFIX}{path}",
                data=data,
                params=params,
                headers={**({"Content-Type": kind} if data is not None else {}), **(headers or {})},
                timeout=(TIMEOUT[0], TIMEOUT[1] + wait),
                allow_redirects=False,
            )
        except requests.exceptions.SSLError:
            raise GatewayUnreachableError(
                f"The certificate of {self.gateway} is not trusted.",
                hint="Ask the organizer for the right address, or set REQUESTS_CA_BUNDLE to your site's certificates.",
            ) from None
        except requests.exceptions.Timeout:
            raise GatewayUnreachableError(
                f"{self.gateway} did not answer in time.", hint="Try again in a minute; nothing was lost."
            ) from None
        except requests.exceptions.RequestException:
            raise GatewayUnreachableError(
                f"{self.gateway} cannot be reached.", hint="Check the address and your network, then try again."
            ) from None
        if response.status_code >= 300 and response.status_code != 304:
            raise self._refusal(response)
        return response

    def read(self, model: type[Any], method: str, path: str, **options: Any) -> Any:
        """The answer to :meth:`request`, checked as ``model`` (a message class)."""
        response = self.request(method, path, **options)
        try:
            return model.model_validate_json(response.content)
        except ValidationError:
            raise self._not_a_gateway() from None

    def read_list(self, model: type[Any], method: str, path: str, **options: Any) -> list[Any]:
        """The answer to :meth:`request`, a list of ``model``."""
        response = self.request(method, path, **options)
        try:
            return [model.model_validate(item) for item in response.json()]
        except (ValueError, ValidationError, TypeError):
            raise self._not_a_gateway() from None

    def _refusal(self, response: requests.Response) -> ProtocolError:
        try:
            return GatewayRefusedError(Problem.model_validate_json(response.content), response.status_code)
        except ValidationError:
            if response.status_code in (502, 503, 504):
                return GatewayUnreachableError(
                    f"{self.gateway} answered {response.status_code}: the gateway behind it is down.",
                    hint="Try again in a minute; nothing was lost.",
                )
            return self._not_a_gateway()

    def _not_a_gateway(self) -> GatewayUnreachableError:
        return GatewayUnreachableError(
            f"What answers at {self.gateway} is no gateway of participant-kit.",
            hint="Check the address; a proxy or a login page may stand in between.",
        )


def check_gateway(address: str) -> str:
    """``address`` without a trailing slash. Raises :class:`ProtocolError` for plain HTTP beyond loopback."""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ProtocolError(f"{address!r} is no gateway's address.", hint="It looks like https://benchmark.example.org")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ProtocolError(f"{address} is plain HTTP.", hint="Use https://; plain HTTP is for this machine alone.")
    return address.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
