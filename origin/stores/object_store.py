"""The interface of object stores. Folder, bucket, replica, cold tier and encryption all have it, and can be stacked."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import Final, NamedTuple, Protocol

from kernel.errors import StorageFailed
from kernel.store_faults import STORE_FAULT_STATUS, StoreFault

ABSENT: Final = "absent"
"""As `only_if`: write only if there is no object of that key. No tag looks like it: tags have quotes."""

MAX_RECORD_BYTES = 64 << 20
"""The largest object that is read whole into memory."""


class StoreFailed(StorageFailed):
    """The store failed; `fault` says why, `str()` names the store, the key and the cause."""

    def __init__(self, fault: StoreFault, detail: str) -> None:
        super().__init__(detail)
        self.fault = fault
        self.status = STORE_FAULT_STATUS[fault]


class ObjectInfo(NamedTuple):
    """An object in a listing: size in bytes as stored (see `fits`), tag, last write in Unix seconds."""

    key: str
    size: int
    tag: str
    modified: float


class Stored(NamedTuple):
    """A small object: its content, and the tag that names this version of it."""

    data: bytes
    tag: str


class ObjectStore(Protocol):
    """Objects by key. Keys are relative paths of `A-Za-z0-9._-` segments. Every failure raises StoreFailed.

    A put is atomic: readers see the old object or the new one. A tag changes whenever the object changes.
    """

    @property
    def name(self) -> str:
        """The store in messages: its folder or its URL."""

    async def put(self, key: str, data: bytes, *, only_if: str | None = None) -> str:
        """Store an object in one request; returns its tag.

        `only_if`: ABSENT, or the tag that the object must still have; otherwise fails with CONFLICT.
        """

    async def put_stream(self, key: str, pieces: AsyncIterable[bytes | memoryview]) -> None:
        """Store an object of any size in parts, with a bounded number of them in memory."""

    async def get(self, key: str) -> Stored | None:
        """A small object whole, or None if it does not exist. Fails with DAMAGED beyond MAX_RECORD_BYTES."""

    async def info(self, key: str) -> ObjectInfo | None:
        """Size and tag of an object, or None if it does not exist."""

    async def read(self, key: str, first: int, stop: int) -> bytes | memoryview:
        """Bytes `first` to `stop` (exclusive, above `first`), all of them. Fails with MISSING or DAMAGED (shorter)."""

    async def read_some(self, key: str, first: int, stop: int) -> bytes | memoryview:
        """As `read`, but what there is of the range if the object ends in it. Fails with DAMAGED if it ends before."""

    def fits(self, stored: int, size: int) -> bool:
        """Whether `stored`, a size of `info` or of a listing, is that of an object of `size` bytes."""

    def list(self, prefix: str, *, in_all: bool = False) -> AsyncIterator[ObjectInfo]:
        """All objects whose keys start with `prefix`, which ends in a slash; in no particular order.

        `in_all`: only those that every copy has that answers, of a store that has several.
        """

    async def folders(self, prefix: str) -> tuple[str, ...]:
        """The names of the next segments of all keys that start with `prefix`, which ends in a slash."""

    async def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; missing ones are ignored."""

    async def make_durable(self, keys: Iterable[str]) -> None:
        """Return once these objects would survive a power cut."""

    async def check(self) -> None:
        """Return if the store is there; fails with UNAVAILABLE or DENIED. An empty store is there."""
