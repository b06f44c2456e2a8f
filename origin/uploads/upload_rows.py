"""The records of uploads: how far each is, what it is for, and when it expires."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from origin.jobs.schema import uploads
from system.database.database import Database


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload: `length` in bytes (None: not told yet), `received` bytes on disk, times in Unix seconds.

    It is a film for `content_id`, or a result of the job `job_id`.
    """

    upload_id: str
    content_id: str | None
    job_id: str | None
    length: int | None
    received: int
    metadata: dict[str, str]
    expires: float
    finished: float | None

    @property
    def is_complete(self) -> bool:
        """Whether all bytes are here."""
        return self.length is not None and self.received == self.length

    @property
    def can_expire(self) -> bool:
        """Whether it may be deleted when idle. A complete film was acknowledged: it waits until its job is queued."""
        return self.finished is None and not (self.is_complete and self.content_id is not None)


class UploadRows:
    """The uploads whose files an origin holds. Other origins of the same database do not see them.

    `home` is the origin's name in the queue.
    """

    def __init__(self, database: Database, home: str = "") -> None:
        self._database = database
        self._home = home
        self._own = uploads.c.home.in_((home, ""))

    async def insert(self, made: Upload, now: float) -> bool:
        """Add an upload; False if there is one of this id."""
        try:
            async with self._database.write() as connection:
                await connection.execute(
                    insert(uploads).values(
                        upload_id=made.upload_id,
                        content_id=made.content_id,
                        job_id=made.job_id,
                        length=made.length,
                        received=0,
                        metadata=msgspec.json.encode(made.metadata).decode(),
                        created=now,
                        expires=made.expires,
                        home=self._home,
                    )
                )
        except IntegrityError:
            return False
        return True

    async def find(self, upload_id: str) -> Upload | None:
        """An upload, or None."""
        async with self._database.read() as connection:
            query = select(uploads).where(uploads.c.upload_id == upload_id, self._own)
            row = (await connection.execute(query)).mappings().first()
        return _upload(row) if row is not None else None

    async def count_unfinished(self) -> int:
        """The uploads that still miss bytes."""
        async with self._database.read() as connection:
            query = select(func.count()).select_from(uploads).where(uploads.c.finished.is_(None), self._own)
            return (await connection.execute(query)).scalar_one()

    async def set_received(self, upload_id: str, received: int, expires: float, length: int | None = None) -> None:
        """Note the offset, from now on the truth: the bytes before it are on disk."""
        values: dict[str, Any] = {"received": received, "expires": expires}
        values |= {"length": length} if length is not None else {}
        async with self._database.write() as connection:
            await connection.execute(update(uploads).where(uploads.c.upload_id == upload_id).values(**values))

    async def finish_within(self, connection: AsyncConnection, upload_id: str, now: float) -> bool:
        """Mark a complete upload as handed over, in the caller's transaction; False if that was done before."""
        done = await connection.execute(
            update(uploads).where(uploads.c.upload_id == upload_id, uploads.c.finished.is_(None)).values(finished=now)
        )
        return bool(done.rowcount)

    async def unfinished(self) -> list[Upload]:
        """Complete uploads that were not handed over: the process was killed in between, or the queue was full."""
        async with self._database.read() as connection:
            complete = uploads.c.received == uploads.c.length
            query = select(uploads).where(uploads.c.finished.is_(None), complete, self._own)
            return [_upload(row) for row in (await connection.execute(query)).mappings()]

    async def expired(self, now: float) -> list[Upload]:
        """Unfinished uploads whose time is over."""
        async with self._database.read() as connection:
            over = uploads.c.expires < now
            query = select(uploads).where(uploads.c.finished.is_(None), over, self._own).limit(1000)
            return [_upload(row) for row in (await connection.execute(query)).mappings()]

    async def ids(self) -> set[str]:
        """The ids of all uploads."""
        async with self._database.read() as connection:
            return set((await connection.execute(select(uploads.c.upload_id).where(self._own))).scalars())

    async def delete(self, upload_id: str) -> None:
        """Forget an upload."""
        async with self._database.write() as connection:
            await connection.execute(delete(uploads).where(uploads.c.upload_id == upload_id))


def _upload(row: Mapping[Any, Any]) -> Upload:
    return Upload(
        row["upload_id"], row["content_id"], row["job_id"], row["length"], row["received"],
        msgspec.json.decode(row["metadata"], type=dict[str, str]), row["expires"], row["finished"],
    )  # fmt: skip
