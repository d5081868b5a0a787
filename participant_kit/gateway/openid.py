"""OpenID Connect by Authlib: the code flow with PKCE, state and nonce, the identity token verified.

Nothing is stored between the two halves of a login: the browser keeps one secret in a cookie, and state, nonce and
verifier are made of it.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from pydantic import BaseModel, ConfigDict, ValidationError

from participant_kit.gateway.errors import GatewayError, SettingsError
from participant_kit.gateway.identities import Admits, Identity
from participant_kit.protocol.address import is_loopback

PATIENCE = 15.0
KEPT = 3600.0
"""Seconds for which a provider's metadata and keys are kept."""
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]
"""None of them works without a private key of the provider's."""


class ProviderFile(BaseModel):
    """What an operator writes of a provider: a JSON file that only the gateway can read."""

    model_config = ConfigDict(extra="forbid")

    issuer: str
    client_id: str
    client_secret: str
    title: str = "your institution"
    admits: Admits = "approval"


class Provider:
    """One provider. It is asked when somebody logs in, and not before."""

    def __init__(self, file: ProviderFile) -> None:
        self.file = file
        self._known: dict[str, Any] = {}
        self._keys: dict[str, Any] = {}
        self._read_at = -KEPT

    @property
    def title(self) -> str:
        """What people call it."""
        return self.file.title

    def begin(self, secret: str, back: str) -> str:
        """Where the browser goes; it comes ``back``."""
        session, known = self._session(back), self._metadata()
        url, _ = session.create_authorization_url(
            known["authorization_endpoint"],
            state=derive(secret, "state"),
            nonce=derive(secret, "nonce"),
            code_verifier=derive(secret, "verifier"),
        )
        return str(url)

    def finish(self, secret: str, back: str, code: str) -> Identity:
        """Who has come back, by claims that were verified. Raises :class:`GatewayError`."""
        from authlib.common.errors import AuthlibBaseError
        from joserfc.errors import JoseError

        try:
            known = self._metadata()
            token = self._session(back).fetch_token(
                known["token_endpoint"], code=code, code_verifier=derive(secret, "verifier"), timeout=PATIENCE
            )
            claims = self._verify(token["id_token"], derive(secret, "nonce"))
        except (AuthlibBaseError, JoseError, requests.RequestException, KeyError, ValueError) as error:
            raise refused(type(error).__name__) from None
        wanted = str(claims.get("preferred_username") or claims.get("email") or "participant")
        return Identity(self.file.issuer, str(claims["sub"])[:255], wanted, self.file.admits)

    def _verify(self, token: str, nonce: str) -> dict[str, Any]:
        from authlib.oidc.core import CodeIDToken
        from joserfc import jwt
        from joserfc.jwk import KeySet

        decoded = jwt.decode(token, KeySet.import_key_set(self._keys), algorithms=ALGORITHMS)  # type: ignore[arg-type]
        options = {
            "iss": {"essential": True, "value": self.file.issuer},
            "aud": {"essential": True, "value": self.file.client_id},
        }
        claims = CodeIDToken(
            decoded.claims, decoded.header, options, {"nonce": nonce, "client_id": self.file.client_id}
        )
        claims.validate(leeway=60)
        if not hmac.compare_digest(str(claims.get("nonce", "")), nonce) or not claims.get("sub"):
            raise ValueError
        return dict(claims)

    def _session(self, back: str) -> Any:
        from authlib.integrations.requests_client import OAuth2Session

        return OAuth2Session(
            self.file.client_id,
            self.file.client_secret,
            scope="openid profile email",
            redirect_uri=back,
            code_challenge_method="S256",
        )

    def _metadata(self) -> dict[str, Any]:
        if time.monotonic() - self._read_at > KEPT:
            try:
                url = f"{self.file.issuer.rstrip('/')}/.well-known/openid-configuration"
                known = requests.get(url, timeout=PATIENCE).json()
                if known["issuer"] != self.file.issuer:
                    raise refused("another issuer")
                self._keys = requests.get(known["jwks_uri"], timeout=PATIENCE).json()
            except (requests.RequestException, KeyError, ValueError) as error:
                raise refused(type(error).__name__) from None
            self._known, self._read_at = known, time.monotonic()
        return self._known


def derive(secret: str, what: str) -> str:
    """What is made of a login's secret; nobody gets from one to another."""
    return hmac.new(secret.encode(), what.encode(), hashlib.sha256).hexdigest()


def require_library() -> None:
    """Raise :class:`SettingsError` now, and not at the first login, if Authlib is not there."""
    try:
        import authlib  # noqa: F401
    except ImportError:
        hint = "Install it: pip install 'participant-kit[oidc]'"
        raise SettingsError("Logging in elsewhere needs a library that is not installed.", hint=hint) from None


def read_provider(path: Path) -> Provider:
    """The provider in a file. Raises :class:`SettingsError`."""
    require_library()
    try:
        file = ProviderFile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from None
    except ValidationError as error:  # its text would quote the secret
        said = "; ".join(f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in error.errors())
        hint = "It is JSON with issuer, client_id, client_secret, and title and admits if you like."
        raise SettingsError(f"{path} is not what it should be: {said}.", hint=hint) from None
    if urlsplit(file.issuer).scheme != "https" and not is_loopback(file.issuer):
        raise SettingsError(f"{file.issuer} is no address with https://.", hint="A provider is asked by TLS.")
    return Provider(file)


def refused(why: str) -> GatewayError:
    """Nobody is let in, because of ``why``."""
    hint = "Try it again. If it stays so, tell the organizer."
    return GatewayError(502, "provider", f"The provider of your identity did not say who you are ({why}).", hint=hint)
