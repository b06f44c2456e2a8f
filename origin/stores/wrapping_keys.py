"""The keys that wrap data keys: one for each title, stored in `keys/`, sealed under the master keys of a setting.

A rotation of the master key seals these few small objects again, and no film is rewritten. Without its key a title
cannot be read by anybody, wherever copies of its objects are.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

import msgspec
from cachetools import LRUCache
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kernel.errors import BadSettings, StorageFailed
from kernel.store_faults import StoreFault
from origin.stores.frames import KEY_BYTES, WRAPPING_ID_BYTES, WrappingKey
from origin.stores.object_store import ABSENT, ObjectStore, Stored, StoreFailed
from system.sealing import SealingKeys

PREFIX = "keys/"
MAX_KEYS = 10_000
"""Keys in memory."""
OF_TITLES = ("titles", "manifests", "media", "usage")
"""The first segments of keys that have a contentId as the second one."""


class SealedKey(msgspec.Struct, frozen=True):
    """A wrapping key as it is stored: its id in hex, and the key sealed by `system.sealing`."""

    id: str
    key: str


class WrappingKeys:
    """The wrapping keys of one store. `store` is the store itself, not an encrypted one.

    `reload` reads the master keys again. It is called when a key is sealed under one that is not known: a program that
    was started before a rotation goes on after it.
    """

    def __init__(
        self, store: ObjectStore, master: SealingKeys, reload: Callable[[], SealingKeys] | None = None
    ) -> None:
        self._store = store
        self._master = master
        self._reload = reload
        self._known: LRUCache[str, WrappingKey] = LRUCache(MAX_KEYS)

    async def current(self, object_key: str) -> WrappingKey:
        """The key for a new object; made if its title has none."""
        scope = scope_of(object_key)
        known = self._known.get(scope)
        return known or await self._read(scope) or await self._make(scope)

    async def named(self, object_key: str, wanted: bytes) -> WrappingKey:
        """The key that an object's header names. Fails with DAMAGED if it is gone."""
        scope = scope_of(object_key)
        known = self._known.get(scope)
        if known is None or known.id != wanted:
            known = await self._read(scope)
        if known is None or known.id != wanted:
            raise StoreFailed(
                StoreFault.DAMAGED, f"{object_key} in {self._store.name} is encrypted under a key that is gone"
            )
        return known

    async def _read(self, scope: str) -> WrappingKey | None:
        stored = await self._store.get(_key(scope))
        if stored is None:
            return None
        sealed = self._decode(scope, stored)
        return self._remember(scope, bytes.fromhex(sealed.id), await self._open(scope, sealed))

    async def _make(self, scope: str) -> WrappingKey:
        identity, key = os.urandom(WRAPPING_ID_BYTES), os.urandom(KEY_BYTES)
        try:
            await self._store.put(_key(scope), self._seal(scope, identity.hex(), key), only_if=ABSENT)
            await self._store.make_durable([_key(scope)])
        except StoreFailed as error:
            if error.fault is not StoreFault.CONFLICT:
                raise
            made = await self._read(scope)  # another writer made it first
            if made is None:
                raise
            return made
        return self._remember(scope, identity, key)

    async def rewrap(self) -> int:
        """Seal all keys that are under an older master key under the current one; returns how many were."""
        count = 0
        async for info in self._store.list(PREFIX):
            scope = info.key.removeprefix(PREFIX).removesuffix(".json")
            stored = await self._store.get(info.key)
            if stored is None:
                continue
            sealed = self._decode(scope, stored)
            if not self._master.needs_resealing(sealed.key):
                continue
            await self._store.put(
                info.key, self._seal(scope, sealed.id, await self._open(scope, sealed)), only_if=stored.tag
            )
            await self._store.make_durable([info.key])
            count += 1
        return count

    def _remember(self, scope: str, identity: bytes, key: bytes) -> WrappingKey:
        self._known[scope] = WrappingKey(identity, AESGCM(key))
        return self._known[scope]

    def _seal(self, scope: str, identity: str, key: bytes) -> bytes:
        return msgspec.json.encode(SealedKey(identity, self._master.seal(key, _context(scope, identity))))

    async def _open(self, scope: str, sealed: SealedKey) -> bytes:
        context = _context(scope, sealed.id)
        try:
            try:
                return self._master.open(sealed.key, context)
            except StorageFailed:
                if self._reload is None:
                    raise
                self._master = await asyncio.to_thread(self._reload)
                return self._master.open(sealed.key, context)
        except (StorageFailed, BadSettings) as error:
            raise StoreFailed(StoreFault.DAMAGED, f"{_key(scope)} in {self._store.name}: {error}") from None

    def _decode(self, scope: str, stored: Stored) -> SealedKey:
        try:
            sealed = msgspec.json.decode(stored.data, type=SealedKey)
            bytes.fromhex(sealed.id)
        except ValueError as error:
            raise StoreFailed(StoreFault.DAMAGED, f"{_key(scope)} in {self._store.name} is damaged: {error}") from None
        return sealed


def scope_of(object_key: str) -> str:
    """What shares a wrapping key: the objects of a title, or of another first segment."""
    first, _, rest = object_key.partition("/")
    return f"title-{rest.partition('/')[0]}" if first in OF_TITLES and rest else first.partition(".")[0]


def _key(scope: str) -> str:
    return f"{PREFIX}{scope}.json"


def _context(scope: str, identity: str) -> str:
    return f"object key {scope} {identity}"
