"""An object store through obstore, on a folder of this machine or on an S3 bucket.

What the two do differently is their medium: conditional writes, durability, deletion, and how a missing folder or
bucket is told from a missing object.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import ObjectStore as Client

from kernel.store_faults import StoreFault
from origin.stores.object_store import MAX_RECORD_BYTES, ObjectInfo, Stored, StoreFailed

PART_BYTES = 8 << 20
PARTS_AT_ONCE = 4
"""Parts of a streamed put in flight; with PART_BYTES the bound on its memory."""
_LISTED_AT_ONCE = 1000


class Medium(Protocol):
    """What differs between a folder and a bucket. Raises OSError and obstore's errors."""

    async def put_if(self, key: str, data: bytes, expected: str) -> str:
        """Store an object if it is still `expected` (ABSENT or a tag). Raises a conflict of obstore otherwise."""

    async def check(self) -> None:
        """Raise StoreFailed(UNAVAILABLE) if the folder or the bucket is not there."""

    async def delete(self, keys: list[str]) -> None:
        """Delete objects; missing ones are ignored."""

    async def make_durable(self, keys: list[str]) -> None:
        """Return once the objects would survive a power cut."""


class ObstoreStore:
    """An ObjectStore on one folder or bucket; `name` stands in messages."""

    def __init__(self, name: str, client: Client, medium: Medium) -> None:
        self.name = name
        self._client = client
        self._medium = medium

    async def put(self, key: str, data: bytes, *, only_if: str | None = None) -> str:
        """Store an object in one request."""
        with self._failing("writing", key):
            await self._medium.check()
            if only_if is not None:
                return await self._medium.put_if(key, data, only_if)
            result = await obstore.put_async(self._client, key, data, use_multipart=False)
            return result["e_tag"] or ""

    async def put_stream(self, key: str, pieces: AsyncIterable[bytes | memoryview]) -> None:
        """Store an object in parts; an error of `pieces` leaves no object."""
        with self._failing("writing", key):
            await self._medium.check()
            await obstore.put_async(
                self._client, key, aiter(pieces), chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE
            )

    async def get(self, key: str) -> Stored | None:
        """A small object whole."""
        with self._failing("reading", key):
            try:
                found = await obstore.get_async(self._client, key)
            except FileNotFoundError as error:
                await self._explain_missing(error)
                return None
            if found.meta["size"] > MAX_RECORD_BYTES:
                raise StoreFailed(
                    StoreFault.DAMAGED, f"{key} in {self.name} has {found.meta['size']} bytes, more than a record may"
                )
            return Stored(bytes(await found.bytes_async()), found.meta["e_tag"] or "")

    async def info(self, key: str) -> ObjectInfo | None:
        """Size and tag."""
        with self._failing("reading", key):
            try:
                meta = await obstore.head_async(self._client, key)
            except FileNotFoundError as error:
                await self._explain_missing(error)
                return None
            return ObjectInfo(key, meta["size"], meta["e_tag"] or "", meta["last_modified"].timestamp())

    async def read(self, key: str, first: int, stop: int) -> memoryview:
        """A range, without a copy of what obstore read."""
        found = await self.read_some(key, first, stop)
        if len(found) != stop - first:
            raise StoreFailed(StoreFault.DAMAGED, f"{key} in {self.name} ends before byte {stop}")
        return found

    async def read_some(self, key: str, first: int, stop: int) -> memoryview:
        """A range, or what there is of it."""
        with self._failing("reading", key):
            try:
                found = await obstore.get_range_async(self._client, key, start=first, end=stop)
            except FileNotFoundError as error:
                await self._explain_missing(error)
                raise StoreFailed(StoreFault.MISSING, f"{key} is missing from {self.name}") from None
        return memoryview(found)

    def fits(self, stored: int, size: int) -> bool:
        """Objects are stored as they are."""
        return stored == size

    async def list(
        self,
        prefix: str,
        *,
        in_all: bool = False,  # noqa: ARG002 (there is one copy)
    ) -> AsyncIterator[ObjectInfo]:
        """All objects below a prefix, a page at a time."""
        with self._failing("listing", prefix):
            await self._medium.check()
            async for page in obstore.list(self._client, prefix.rstrip("/") or None, chunk_size=_LISTED_AT_ONCE):
                for meta in page:
                    modified = meta["last_modified"].timestamp()
                    yield ObjectInfo(meta["path"], meta["size"], meta["e_tag"] or "", modified)

    async def folders(self, prefix: str) -> tuple[str, ...]:
        """The next segments below a prefix."""
        with self._failing("listing", prefix):
            await self._medium.check()
            found = await obstore.list_with_delimiter_async(self._client, prefix.rstrip("/"))
            return tuple(one.rstrip("/").rpartition("/")[2] for one in found["common_prefixes"])

    async def delete(self, keys: Iterable[str]) -> None:
        """Delete objects."""
        with self._failing("deleting", "objects"):
            await self._medium.check()
            await self._medium.delete(list(keys))

    async def make_durable(self, keys: Iterable[str]) -> None:
        """A bucket's objects are durable once stored; a folder's are fsynced."""
        with self._failing("making objects durable", ""):
            await self._medium.make_durable(list(keys))

    async def check(self) -> None:
        """Ask the medium."""
        with self._failing("checking", "it"):
            await self._medium.check()

    async def _explain_missing(self, error: FileNotFoundError) -> None:
        """Raise if not the object but the bucket or the folder is missing: a 404 would hide the loss of a disk."""
        if "NoSuchBucket" in str(error):
            raise StoreFailed(StoreFault.UNAVAILABLE, f"{self.name}: the bucket does not exist")
        await self._medium.check()

    @contextmanager
    def _failing(self, doing: str, key: str) -> Iterator[None]:
        try:
            yield
        except (OSError, BaseError, ValueError, NotImplementedError) as error:
            detail = f"the store {self.name} failed while {doing} {key}".rstrip()
            raise StoreFailed(fault_of(error), f"{detail}: {cause_of(error)}") from None


def fault_of(error: Exception) -> StoreFault:
    """The fault behind an error of obstore or of the system."""
    text = str(error)
    if isinstance(error, (AlreadyExistsError, PreconditionError)):
        return StoreFault.CONFLICT
    if isinstance(error, (PermissionDeniedError, UnauthenticatedError, PermissionError)):
        return StoreFault.DENIED
    if "No space left on device" in text or "StorageFull" in text or "os error 28" in text or "507 " in text:
        return StoreFault.FULL
    if "Requested range was invalid" in text or "416 Range Not Satisfiable" in text:
        return StoreFault.DAMAGED
    return StoreFault.UNAVAILABLE


def cause_of(error: Exception) -> str:
    """The cause in one line, without obstore's nested debug output."""
    if fault_of(error) is StoreFault.FULL:
        return "the disk is full"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = str(error)
    return text.splitlines()[0][:300] if text else type(error).__name__
