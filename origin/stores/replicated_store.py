"""A store with a replica: writes go to both, reads fail over.

A write must succeed at the first copy; what the replica missed is copied by the scrubber. A read that fails at the
first copy, for whatever reason, is answered by the replica. After a failure the first copy is left alone for a while,
so that readers do not wait for a store that is down.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from typing import TypeVar

import structlog

from kernel.store_faults import StoreFault
from origin.stores.object_store import ObjectInfo, ObjectStore, Stored, StoreFailed
from origin.stores.read_health import ReadHealth
from origin.stores.uploads import read_pieces

T = TypeVar("T")
log = structlog.get_logger("origin")

PATIENCE_SECONDS = 3.0
"""How long a read may wait for the first copy before the replica is asked."""
SYNC_ATTEMPTS = 4
_SILENT = frozenset({StoreFault.UNAVAILABLE, StoreFault.DENIED})


class ReplicatedStore:
    """An ObjectStore over two. `mono` gives monotonic seconds; `on_failover` and `on_lag` count."""

    def __init__(
        self,
        first: ObjectStore,
        replica: ObjectStore,
        mono: Callable[[], float],
        on_failover: Callable[[], object] = lambda: None,
        on_lag: Callable[[], object] = lambda: None,
    ) -> None:
        self.name = first.name
        self._first = first
        self._replica = replica
        self._mono = mono
        self._health = ReadHealth()
        self._on_failover = on_failover
        self._on_lag = on_lag

    async def put(self, key: str, data: bytes, *, only_if: str | None = None) -> str:
        """Store at the first copy, then at the replica."""
        tag = await self._first.put(key, data, only_if=only_if)
        await self._at_replica(key, self._sync(key, data, tag) if only_if else self._replica.put(key, data))
        return tag

    async def _sync(self, key: str, data: bytes, tag: str) -> None:
        """Give the replica the newest version, though another writer may have replaced ours since."""
        for _ in range(SYNC_ATTEMPTS):
            await self._replica.put(key, data)
            newest = await self._first.get(key)
            if newest is None or newest.tag == tag:
                return
            data, tag = newest

    async def put_stream(self, key: str, pieces: AsyncIterable[bytes | memoryview]) -> None:
        """Store at the first copy, then copy it to the replica."""
        size = 0

        async def counted() -> AsyncIterator[bytes | memoryview]:
            nonlocal size
            async for piece in pieces:
                size += len(piece)
                yield piece

        await self._first.put_stream(key, counted())
        await self._at_replica(key, self._replica.put_stream(key, read_pieces(self._first, key, size)))

    async def _at_replica(self, key: str, write: Awaitable[object]) -> None:
        try:
            await write
        except StoreFailed as error:
            self._on_lag()
            log.warning("replica-write-failed", key=key, error=str(error))

    async def get(self, key: str) -> Stored | None:
        """From the first copy, else from the replica."""
        return await self._read(lambda store: store.get(key))

    async def info(self, key: str) -> ObjectInfo | None:
        """From the first copy, else from the replica."""
        return await self._read(lambda store: store.info(key))

    async def read(self, key: str, first: int, stop: int) -> bytes | memoryview:
        """From the first copy, else from the replica."""
        return await self._read(lambda store: store.read(key, first, stop))

    async def read_some(self, key: str, first: int, stop: int) -> bytes | memoryview:
        """From the first copy, else from the replica."""
        return await self._read(lambda store: store.read_some(key, first, stop))

    async def _read(self, ask: Callable[[ObjectStore], Awaitable[T]]) -> T:
        """Ask the first copy; where it fails or has nothing, the replica. If both fail, the first failure is raised."""
        failure: StoreFailed | None = None
        if self._health.is_usable(self._mono()):
            try:
                found = await self._ask_first(ask)
            except StoreFailed as error:
                failure = error
            else:
                if found is not None:
                    return found
        else:
            failure = StoreFailed(StoreFault.UNAVAILABLE, f"the store {self.name} failed moments ago")
        try:
            found = await ask(self._replica)
        except StoreFailed as error:
            if failure is None:
                return None  # type: ignore[return-value]  # the first copy answered: it has no such object
            log.warning("replica-read-failed", error=str(error))
            raise failure from None
        if failure is not None and found is None and failure.fault in _SILENT:
            raise failure  # the replica may lag: that the object does not exist is only known by the first copy
        if failure is not None or found is not None:
            self._on_failover()
        return found

    async def _ask_first(self, ask: Callable[[ObjectStore], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                found = await ask(self._first)
        except TimeoutError:
            self._note_failure(f"no answer for {PATIENCE_SECONDS:g} s")
            raise StoreFailed(StoreFault.UNAVAILABLE, f"the store {self.name} does not answer") from None
        except StoreFailed as error:
            if error.fault in _SILENT:
                self._note_failure(str(error))
            else:
                self._health.note_success()
                log.warning("read-failed-over", error=str(error))
            raise
        self._health.note_success()
        return found

    def _note_failure(self, why: str) -> None:
        if not self._health.pause:  # only the first of a row
            log.warning("store-failed-over", store=self.name, error=why)
        self._health.note_failure(self._mono())

    def fits(self, stored: int, size: int) -> bool:
        """As either copy stores it."""
        return self._first.fits(stored, size) or self._replica.fits(stored, size)

    async def list(self, prefix: str, *, in_all: bool = False) -> AsyncIterator[ObjectInfo]:
        """What either copy has, or both; of what both have, what the first copy says. One of them may fail."""
        if in_all:
            async for info in self._list_in_both(prefix):
                yield info
            return
        seen: set[str] = set()
        failure: StoreFailed | None = None
        try:
            async for info in self._first.list(prefix):
                seen.add(info.key)
                yield info
        except StoreFailed as error:
            failure = error
        try:
            async for info in self._replica.list(prefix):
                if info.key not in seen:
                    yield info
        except StoreFailed as error:
            if failure is not None:
                raise failure from None
            log.warning("replica-list-failed", error=str(error))

    async def _list_in_both(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """What both copies have; while the replica fails, what the first one has."""
        try:
            copied = {info.key async for info in self._replica.list(prefix)}
        except StoreFailed as error:
            log.warning("replica-list-failed", error=str(error))
            copied = None
        async for info in self._first.list(prefix):
            if copied is None or info.key in copied:
                yield info

    async def folders(self, prefix: str) -> tuple[str, ...]:
        """What either copy has; one of them may fail."""
        found: set[str] = set()
        failures: list[StoreFailed] = []
        for store in (self._first, self._replica):
            try:
                found |= set(await store.folders(prefix))
            except StoreFailed as error:
                failures.append(error)
        if len(failures) > 1:
            raise failures[0]
        return tuple(sorted(found))

    async def delete(self, keys: Iterable[str]) -> None:
        """Delete at both. What stays at the replica is deleted by the next garbage collection."""
        listed = list(keys)
        await self._first.delete(listed)
        await self._at_replica("", self._replica.delete(listed))

    async def make_durable(self, keys: Iterable[str]) -> None:
        """Wait for both."""
        listed = list(keys)
        await self._first.make_durable(listed)
        await self._at_replica("", self._replica.make_durable(listed))

    async def check(self) -> None:
        """One of them must be there."""
        try:
            await self._first.check()
        except StoreFailed:
            await self._replica.check()
