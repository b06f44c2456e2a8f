"""The key that signs viewers' tokens, its `kid`, and its publication to control.

Tokens name their key by `kid`, and edges keep retired keys until their last tokens expire, so two keys must never
share a `kid`. A new key under a used `kid` gets a fallback: `matinee-1` becomes `matinee-1-<thumbprint>`. A file
remembers the names used so far; if it was lost, control refuses the name as taken.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import structlog

from kernel.auth.signing_keys import SigningKey, check_kid
from kernel.errors import BadRequest, BadSettings, MatineeError
from system.durable_files import replace_file

MAX_NAMES = 64
MAX_FILE_BYTES = 64 << 10
MIN_RETRY_SECONDS = 0.5
MAX_RETRY_SECONDS = 10.0
REPUBLISH_SECONDS = 600.0
"""Seconds between publications: another process of the services may have replaced the key at control since."""

log = structlog.get_logger()


class KeySink(Protocol):
    """The part of the control client that takes public keys."""

    async def put_keys(self, jwks: Mapping[str, Any], *, owner: str = "", lifetime: float = 0.0) -> object:
        """Replace the owner's public keys; no token of theirs outlives `lifetime` seconds."""


class NamedSigningKey:
    """A signing key and its `kid`. Raises BadSettings if `kid` is not a valid name."""

    def __init__(self, key: SigningKey, kid: str, names: Path) -> None:
        try:
            check_kid(kid)
            check_kid(f"{kid}-{'0' * 8}")
        except ValueError as error:
            raise BadSettings("kid", str(error)) from None
        self.key = key
        self._names = names
        self._wanted = kid
        self._thumbprint = hashlib.sha256(
            json.dumps(
                {name: key.public_jwk("k")[name] for name in _THUMBPRINT_MEMBERS if name in key.public_jwk("k")}
            ).encode()
        ).hexdigest()
        known = _read_names(names)
        self.kid = kid if known.get(kid, self._thumbprint) == self._thumbprint else self._fallback_name
        self._store_names(known)

    @property
    def _fallback_name(self) -> str:
        return f"{self._wanted}-{self._thumbprint[:8]}"

    @property
    def jwks(self) -> dict[str, Any]:
        """The public key as a JWKS."""
        return {"keys": [self.key.public_jwk(self.kid)]}

    def use_fallback_name(self) -> bool:
        """Switch to the fallback name, because another key has the wanted one; False if it is in use already."""
        if self.kid == self._fallback_name:
            return False
        self.kid = self._fallback_name
        self._store_names(_read_names(self._names) | {self._wanted: "another key's"})
        return True

    def _store_names(self, known: Mapping[str, str]) -> None:
        names = dict(list({**known, self.kid: self._thumbprint}.items())[-MAX_NAMES:])
        if names == known:
            return
        try:
            replace_file(self._names, json.dumps(names).encode(), concurrent=True)
        except OSError as error:
            raise BadSettings("data", f"{self._names} cannot be written: {error.strerror}") from None


_THUMBPRINT_MEMBERS = ("crv", "kty", "x", "y")
"""The JWK members in a thumbprint (RFC 7638 §3.2)."""


def _read_names(path: Path) -> dict[str, str]:
    try:
        with path.open("rb") as file:
            held = json.loads(file.read(MAX_FILE_BYTES))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BadSettings("data", f"{path} cannot be read: {error}") from None
    if not isinstance(held, dict):
        raise BadSettings("data", f"{path} is damaged: it must contain a JSON object of key names")
    return {str(kid): str(thumbprint) for kid, thumbprint in held.items()}


class KeyPublisher:
    """Publishes the key to control, at the start and regularly. No token of the key outlives `lifetime` seconds."""

    def __init__(self, control: KeySink, own: NamedSigningKey, owner: str, lifetime: float) -> None:
        self._control = control
        self._own = own
        self._owner = owner
        self._lifetime = lifetime

    async def run(self) -> None:
        """Publish for ever, with growing pauses after failures."""
        pause = MIN_RETRY_SECONDS
        while True:
            try:
                await self.publish_key()
            except MatineeError as error:
                log.warning("control-unreachable", what="key", error=str(error), retry_in=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, MAX_RETRY_SECONDS)
            else:
                pause = MIN_RETRY_SECONDS
                await asyncio.sleep(REPUBLISH_SECONDS)

    async def publish_key(self) -> None:
        """Publish once; under the fallback name if control refuses the name as taken."""
        try:
            await self._control.put_keys(self._own.jwks, owner=self._owner, lifetime=self._lifetime)
        except BadRequest as error:
            if error.reason != "kid-taken" or not self._own.use_fallback_name():
                raise
            log.warning("kid-taken", kid=self._own.kid)
            await self._control.put_keys(self._own.jwks, owner=self._owner, lifetime=self._lifetime)
