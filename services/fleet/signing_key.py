"""The key that this process signs viewers' tokens with, its name, and telling control of it.

Tokens name their key by its `kid`, and edges keep the keys of earlier tokens until those have ended: two keys must
never go by one name. So a new key under an old name gets a name of its own: `matinee-1` becomes
`matinee-1-<thumbprint>`. The names given so far stand in a file; where that was lost, control knows that the name is
taken, and says so.
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
"""Seconds after which control is told again: another process of the services may have put its key since."""

log = structlog.get_logger()


class KeySink(Protocol):
    """What is said to control."""

    async def put_keys(self, jwks: Mapping[str, Any], *, owner: str = "", lifetime: float = 0.0) -> object:
        """The public keys that are signed with from now on."""


class NamedSigningKey:
    """A signing key and the name that its tokens give it. Raises BadSettings for what cannot be a name."""

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
        """The public half, as a JWKS."""
        return {"keys": [self.key.public_jwk(self.kid)]}

    def use_fallback_name(self) -> bool:
        """Take a name of its own, since another key has the one wanted; False where it has that already."""
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
"""What RFC 7638 §3.2 makes a thumbprint of."""


def _read_names(path: Path) -> dict[str, str]:
    try:
        with path.open("rb") as file:
            held = json.loads(file.read(MAX_FILE_BYTES))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BadSettings("data", f"{path} cannot be read: {error}") from None
    if not isinstance(held, dict):
        raise BadSettings("data", f"{path} is not the list of names it was")
    return {str(kid): str(thumbprint) for kid, thumbprint in held.items()}


class KeyPublisher:
    """Tells control of the key, at the start and from time to time. `lifetime`: what no token of it outlives."""

    def __init__(self, control: KeySink, own: NamedSigningKey, owner: str, lifetime: float) -> None:
        self._control = control
        self._own = own
        self._owner = owner
        self._lifetime = lifetime

    async def run(self) -> None:
        """For ever; after a failure again, with growing pauses."""
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
        """Once; under another name where the name is taken."""
        try:
            await self._control.put_keys(self._own.jwks, owner=self._owner, lifetime=self._lifetime)
        except BadRequest as error:
            if error.reason != "kid-taken" or not self._own.use_fallback_name():
                raise
            log.warning("kid-taken", kid=self._own.kid)
            await self._control.put_keys(self._own.jwks, owner=self._owner, lifetime=self._lifetime)
