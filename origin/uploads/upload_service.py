"""Uploads: created, continued, completed, ended or expired, so that what was acknowledged survives any kill.

The offset in the database is the truth: bytes are on disk before it moves, and bytes behind it are cut off when the
upload goes on. A complete upload is handed over in the transaction that queues its job.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from kernel.clock import Clock
from origin.uploads.spool import Spool
from origin.uploads.tus_protocol import Checksum, Chunk, Creation, TusRefusal, check_offset
from origin.uploads.upload_rows import Upload, UploadRows

log = structlog.get_logger("origin")

TAKEOVER_SECONDS = 5.0
"""How long a request waits for an older one of the same upload, which it has told to stop."""


class Body(Protocol):
    """A request body that can be broken off from elsewhere."""

    def pieces(self) -> AsyncIterator[bytes]:
        """The bytes as they come. Raises ConnectionError when they end too early, TusRefusal when broken off."""

    def break_off(self) -> None:
        """Another request of the upload has come: the client has given this one up."""


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """`max_size` bytes of one upload, `max_uploads` unfinished ones, `ttl` seconds until an idle one expires."""

    max_size: int
    max_uploads: int
    ttl: float


class UploadService:
    """`on_complete` hands a complete upload over; it is called again until the upload is marked as finished."""

    def __init__(
        self,
        rows: UploadRows,
        spool: Spool,
        limits: UploadLimits,
        clock: Clock,
        on_complete: Callable[[Upload], Awaitable[None]],
        on_ended: Callable[[Upload], Awaitable[None]],
    ) -> None:
        self.limits = limits
        self._rows = rows
        self._spool = spool
        self._clock = clock
        self._on_complete = on_complete
        self._on_ended = on_ended
        self._running: dict[str, _Turn] = {}

    async def create(
        self, upload_id: str, creation: Creation, *, content_id: str | None = None, job_id: str | None = None
    ) -> Upload:
        """Make an empty upload. Raises TusRefusal, StorageFailed."""
        if await self._rows.count_unfinished() >= self.limits.max_uploads:
            raise TusRefusal(503, "uploads", "too many uploads are unfinished", Retry_After="60")
        if (creation.length or 0) > await asyncio.to_thread(self._spool.free_bytes):
            raise TusRefusal(507, "disk", "the disk has no room for an upload of this size")
        now = self._clock.wall()
        made = Upload(upload_id, content_id, job_id, creation.length, 0, creation.metadata, now + self.limits.ttl, None)
        await self._spool.create(upload_id)
        if not await self._rows.insert(made, now):
            raise TusRefusal(409, "upload-exists", f"there is an upload {upload_id} already")
        if made.is_complete:
            await self._on_complete(made)
        return made

    async def find(self, upload_id: str) -> Upload:
        """An upload that is not expired. Raises TusRefusal (404, 410)."""
        found = await self._rows.find(upload_id)
        if found is None:
            raise TusRefusal(404, "upload", "there is no such upload")
        if found.can_expire and found.expires <= self._clock.wall():
            raise TusRefusal(410, "upload-expired", "the upload has expired")
        return found

    async def look_up(self, upload_id: str) -> Upload:
        """The state to resume from: an older request that still sends is ended first. Raises TusRefusal (404, 410)."""
        async with self._turn(upload_id):
            return await self.find(upload_id)

    async def append(self, upload_id: str, chunk: Chunk, content_length: int | None, body: Body) -> Upload:
        """Add a body. Raises TusRefusal, StorageFailed, ConnectionError when the body breaks off."""
        async with self._turn(upload_id, body):
            found = await self.find(upload_id)
            bound = check_offset(found.received, found.length, chunk, content_length, self.limits.max_size)
            if chunk.length is not None and found.length is None:
                found = replace(found, length=chunk.length)
                await self._rows.set_received(upload_id, found.received, self._expiry(), chunk.length)
            return await self._write(found, bound, chunk.checksum, body)

    async def append_first(self, made: Upload, checksum: Checksum | None, body: Body) -> Upload:
        """Add the body that came with the creation."""
        async with self._turn(made.upload_id, body):
            bound = made.length if made.length is not None else self.limits.max_size
            return await self._write(made, bound, checksum, body)

    async def _write(self, found: Upload, bound: int, checksum: Checksum | None, body: Body) -> Upload:
        async def commit(received: int) -> None:
            await self._rows.set_received(found.upload_id, received, self._expiry())

        if found.finished is not None:  # complete and handed over: there is nothing to add
            return found
        received = await self._spool.append(
            found.upload_id, found.received, body.pieces(), bound=bound, commit=commit, checksum=checksum
        )
        done = replace(found, received=received, expires=self._expiry())
        if done.is_complete:
            await self._on_complete(done)
        return done

    def _expiry(self) -> float:
        return self._clock.wall() + self.limits.ttl

    async def terminate(self, upload_id: str) -> None:
        """End an upload and free what it holds. Raises TusRefusal (404, 410)."""
        async with self._turn(upload_id):
            await self._end(await self.find(upload_id))

    async def _end(self, found: Upload) -> None:
        await self._on_ended(found)
        await self.forget(found.upload_id)

    async def forget(self, upload_id: str) -> None:
        """Delete an upload and its bytes."""
        await self._rows.delete(upload_id)
        await asyncio.to_thread(self._spool.delete, upload_id)

    async def expire(self) -> int:
        """End the uploads whose time is over; returns how many."""
        over = [one for one in await self._rows.expired(self._clock.wall()) if one.upload_id not in self._running]
        ended = [one for one in over if one.can_expire]
        for one in ended:
            log.info("upload-expired", upload=one.upload_id, received=one.received)
            await self._end(one)
        return len(ended)

    async def hand_over(self) -> None:
        """Hand over complete uploads whose first attempt a kill or a full queue prevented."""
        for one in await self._rows.unfinished():
            await self._on_complete(one)

    async def recover(self) -> None:
        """After a start: hand over what was complete, and delete files of uploads that nobody knows."""
        await self.hand_over()
        await asyncio.to_thread(self._spool.delete_others, await self._rows.ids())

    @asynccontextmanager
    async def _turn(self, upload_id: str, body: Body | None = None) -> AsyncIterator[None]:
        """One request of an upload at a time; the newest wins, since its client has given up the older ones."""
        older = self._running.get(upload_id)
        if older is not None:
            older.stop()
            try:
                async with asyncio.timeout(TAKEOVER_SECONDS):
                    await older.ended.wait()
            except TimeoutError:
                raise TusRefusal(423, "upload-locked", "another request of this upload is running") from None
            if upload_id in self._running:
                raise TusRefusal(423, "upload-locked", "another request of this upload is running")
        turn = self._running[upload_id] = _Turn(body)
        try:
            yield
        finally:
            del self._running[upload_id]
            turn.ended.set()


class _Turn:
    """A running request of an upload."""

    def __init__(self, body: Body | None) -> None:
        self._body = body
        self.ended = asyncio.Event()

    def stop(self) -> None:
        if self._body is not None:
            self._body.break_off()
