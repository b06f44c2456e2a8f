"""A store with a cold tier: writes go to the hot one, reads find an object in either.

Nothing says where an object is: it is looked for in the hot store, then in the cold one. So it can be moved by copying
it, verifying the copy and deleting the original, and at no moment does a reader miss it, nor does a kill lose it.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from typing import TypeVar

from kernel.store_faults import StoreFault
from origin.stores.object_store import ObjectInfo, ObjectStore, Stored, StoreFailed

T = TypeVar("T")
COLD_PREFIX = "media/"
"""Only keys that start so can be in the cold store."""


class TieredStore:
    """An ObjectStore over a hot and a cold one. `on_cold_read(key)` is called for what was read from the cold one."""

    def __init__(
        self, hot: ObjectStore, cold: ObjectStore, on_cold_read: Callable[[str], object] = lambda _: None
    ) -> None:
        self.name = hot.name
        self._hot = hot
        self._cold = cold
        self._on_cold_read = on_cold_read

    async def put(self, key: str, data: bytes, *, only_if: str | None = None) -> str:
        """Store in the hot store."""
        return await self._hot.put(key, data, only_if=only_if)

    async def put_stream(self, key: str, pieces: AsyncIterable[bytes | memoryview]) -> None:
        """Store in the hot store."""
        await self._hot.put_stream(key, pieces)

    async def get(self, key: str) -> Stored | None:
        """From the hot store, else from the cold one."""
        found = await self._hot.get(key)
        return found if found is not None or not _may_be_cold(key) else await self._cold.get(key)

    async def info(self, key: str) -> ObjectInfo | None:
        """From the hot store, else from the cold one."""
        found = await self._hot.info(key)
        return found if found is not None or not _may_be_cold(key) else await self._cold.info(key)

    async def read(self, key: str, first: int, stop: int) -> bytes | memoryview:
        """From the hot store, else from the cold one."""
        return await self._read(key, lambda store: store.read(key, first, stop))

    async def read_some(self, key: str, first: int, stop: int) -> bytes | memoryview:
        """From the hot store, else from the cold one."""
        return await self._read(key, lambda store: store.read_some(key, first, stop))

    async def _read(self, key: str, ask: Callable[[ObjectStore], Awaitable[T]]) -> T:
        """Any failure of the hot store is tried in the cold one: it may be down, and the object cold."""
        try:
            return await ask(self._hot)
        except StoreFailed as failure:
            if not _may_be_cold(key):
                raise
            try:
                found = await ask(self._cold)
            except StoreFailed as error:
                missing = failure.fault is StoreFault.MISSING and error.fault is not StoreFault.MISSING
                raise (error if missing else failure) from None
            if failure.fault is StoreFault.MISSING:
                self._on_cold_read(key)
            return found

    def fits(self, stored: int, size: int) -> bool:
        """As either stores it."""
        return self._hot.fits(stored, size) or self._cold.fits(stored, size)

    async def list(self, prefix: str, *, in_all: bool = False) -> AsyncIterator[ObjectInfo]:
        """What either has, since each is enough; of what both have, what the hot one says."""
        seen: set[str] = set()
        async for info in self._hot.list(prefix, in_all=in_all):
            seen.add(info.key)
            yield info
        if _may_be_cold(prefix):
            async for info in self._cold.list(prefix):
                if info.key not in seen:
                    yield info

    async def folders(self, prefix: str) -> tuple[str, ...]:
        """What either has."""
        found = set(await self._hot.folders(prefix))
        if _may_be_cold(prefix):
            found |= set(await self._cold.folders(prefix))
        return tuple(sorted(found))

    async def delete(self, keys: Iterable[str]) -> None:
        """Delete in both."""
        listed = list(keys)
        await self._hot.delete(listed)
        cold = [key for key in listed if _may_be_cold(key)]
        if cold:
            await self._cold.delete(cold)

    async def make_durable(self, keys: Iterable[str]) -> None:
        """What was just stored is in the hot store."""
        await self._hot.make_durable(keys)

    async def check(self) -> None:
        """The hot store must be there."""
        await self._hot.check()


def _may_be_cold(key: str) -> bool:
    return key.startswith(COLD_PREFIX)
