"""Log in through an OpenID Connect provider: authorization code with PKCE (RFC 7636), state and nonce.

What a log-in must remember until the provider sends the viewer back is sealed into a cookie of their browser: another
process may answer the way back, and a stranger's browser cannot finish somebody's log-in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Any

import msgspec
import structlog
from authlib.integrations.httpx_client import AsyncOAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from msgspec import Struct

from kernel.clock import Clock
from kernel.errors import BadRequest, StorageFailed
from system.sealing import SealingKeys

log = structlog.get_logger()

CONTEXT = "oidc-log-in"
LOG_IN_SECONDS = 600.0
METADATA_SECONDS = 3600.0
REQUEST_SECONDS = 10.0
LEEWAY_SECONDS = 60
ALGORITHMS = ["RS256", "ES256", "EdDSA", "PS256"]
"""Signatures of id tokens; symmetric ones are refused, since the key set is public."""


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """A provider: its issuer, what it calls us, and where it sends viewers back to."""

    issuer: str
    client_id: str
    client_secret: str
    redirect_url: str


class _Pending(Struct):
    state: str
    nonce: str
    verifier: str
    until: float


_pending = msgspec.json.Decoder(_Pending)


class OidcClient:
    """One provider. Its metadata and keys are read when they are needed, and again after an hour.

    `secret` is shared by the processes that answer for the platform.
    """

    def __init__(
        self,
        settings: OidcSettings,
        secret: bytes,
        clock: Clock,
        connect: Callable[..., AsyncOAuth2Client] = AsyncOAuth2Client,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._connect = connect
        self._keys = SealingKeys({"k1": hashlib.sha256(b"oidc" + secret).digest()})
        self._metadata: dict[str, Any] = {}
        self._key_set: KeySet | None = None
        self._read_at = -METADATA_SECONDS

    @property
    def issuer(self) -> str:
        """The provider's name."""
        return self._settings.issuer

    async def start(self) -> tuple[str, str]:
        """(where to send the viewer, the value of the cookie to set). Raises BadRequest (502)."""
        metadata = await self._read_metadata()
        pending = _Pending(token_urlsafe(24), token_urlsafe(24), token_urlsafe(48), self._clock.wall() + LOG_IN_SECONDS)
        async with self._client() as client:
            url, _ = client.create_authorization_url(
                metadata["authorization_endpoint"],
                state=pending.state,
                nonce=pending.nonce,
                code_verifier=pending.verifier,
            )
        return url, self._keys.seal(msgspec.json.encode(pending), CONTEXT)

    async def finish(self, code: str, state: str, cookie: str) -> str:
        """The verified e-mail address of the viewer whom the provider sent back. Raises BadRequest (400, 401, 502)."""
        pending = self._read_cookie(cookie)
        if pending is None or pending.state != state or pending.until <= self._clock.wall():
            raise BadRequest(400, "log-in-expired", "This log-in was begun elsewhere or too long ago: begin again.")
        metadata = await self._read_metadata()
        try:
            async with self._client() as client:
                token = await client.fetch_token(
                    metadata["token_endpoint"],
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=pending.verifier,
                )
        except Exception as error:  # noqa: BLE001 (httpx's and authlib's have no common base)
            log.warning("oidc-token-refused", error=type(error).__name__)
            raise BadRequest(401, "log-in", "The log-in provider did not confirm this log-in.") from None
        return self._read_identity(str(token.get("id_token", "")), pending.nonce)

    def _read_identity(self, id_token: str, nonce: str) -> str:
        if self._key_set is None:
            raise BadRequest(502, "log-in-provider", "The log-in provider cannot be reached.")
        registry = jwt.JWTClaimsRegistry(
            now=int(self._clock.wall()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": self._settings.issuer},
            aud={"essential": True, "value": self._settings.client_id},
            exp={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            claims = jwt.decode(id_token, self._key_set, algorithms=ALGORITHMS).claims
            registry.validate(claims)
        except (JoseError, ValueError) as error:
            log.warning("oidc-identity-refused", error=type(error).__name__)
            raise BadRequest(401, "log-in", "The log-in provider did not confirm this log-in.") from None
        email = claims.get("email")
        # An address that the provider has not verified may be somebody else's: it would open their account.
        if not isinstance(email, str) or claims.get("email_verified") is not True:
            raise BadRequest(401, "email-unverified", "Your log-in provider has not verified your e-mail address.")
        return email

    def _read_cookie(self, cookie: str) -> _Pending | None:
        try:
            return _pending.decode(self._keys.open(cookie, CONTEXT))
        except (StorageFailed, msgspec.DecodeError):
            return None

    async def _read_metadata(self) -> dict[str, Any]:
        if self._clock.mono() - self._read_at < METADATA_SECONDS:
            return self._metadata
        try:
            async with self._client() as client:
                url = f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration"
                found = await client.request("GET", url, withhold_token=True)
                metadata: dict[str, Any] = found.raise_for_status().json()
                if metadata["issuer"] != self._settings.issuer:
                    raise ValueError("the provider names another issuer")
                keys = await client.request("GET", metadata["jwks_uri"], withhold_token=True)
                key_set = KeySet.import_key_set(keys.raise_for_status().json())
        except Exception as error:  # noqa: BLE001 (httpx's, joserfc's and those of bad JSON)
            log.warning("oidc-provider-unreachable", error=f"{type(error).__name__}: {error}"[:300])
            raise BadRequest(
                502, "log-in-provider", "The log-in provider cannot be reached: try again later."
            ) from None
        self._metadata, self._key_set, self._read_at = metadata, key_set, self._clock.mono()
        return metadata

    def _client(self) -> AsyncOAuth2Client:
        return self._connect(
            self._settings.client_id,
            self._settings.client_secret,
            scope="openid email",
            redirect_uri=self._settings.redirect_url,
            code_challenge_method="S256",
            timeout=REQUEST_SECONDS,
        )
