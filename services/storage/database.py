"""An SQLite file behind SQLAlchemy: many readers, one writer, and what was committed is on the disk.

WAL with synchronous=FULL: an answer given after `write()` has closed survives a power cut, and readers (of this and of
other processes) never wait for a writer. Writers say BEGIN IMMEDIATE, so two of them queue instead of failing halfway.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData, event
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from kernel.errors import MatineeError, StorageFailed
from system.private_files import private_folder

BUSY_SECONDS = 30.0
"""How long a writer waits for another process's writer."""
READERS = 4


class Database:
    """One SQLite file. `open` makes its folder and tables; `close` gives the connections back."""

    def __init__(self, path: Path, tables: MetaData, *, version: int = 1) -> None:
        self.path = path
        self._tables = tables
        self._version = version
        self._reader: AsyncEngine | None = None
        self._writer: AsyncEngine | None = None

    async def open(self) -> None:
        """Open or make the file. Raises StorageFailed naming it when that cannot be."""
        try:
            private_folder(self.path.parent)
            self._writer = _engine(self.path, "BEGIN IMMEDIATE", 1)
            self._reader = _engine(self.path, "BEGIN", READERS)
            async with self._writer.begin() as connection:
                await self._prepare(connection)
        except (DatabaseError, OSError) as error:
            await self.close()
            reason = getattr(error, "orig", None) or error
            raise StorageFailed(f"the database {self.path} cannot be opened: {reason}") from error

    async def _prepare(self, connection: AsyncConnection) -> None:
        found = (await connection.exec_driver_sql("PRAGMA user_version")).scalar_one()
        if found > self._version:
            raise MatineeError(
                f"the database {self.path} was made by a newer version of Matinee ({found}; known is {self._version})"
            )
        await connection.run_sync(self._tables.create_all)
        await connection.exec_driver_sql(f"PRAGMA user_version = {self._version}")

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection that sees one state of the file throughout."""
        if self._reader is None:
            raise StorageFailed(f"the database {self.path} is not open")
        async with self._reader.connect() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """The writer's connection: committed, on disk, when the block ends well; undone when it raises."""
        if self._writer is None:
            raise StorageFailed(f"the database {self.path} is not open")
        try:
            async with self._writer.begin() as connection:
                yield connection
        except OperationalError as error:
            raise StorageFailed(f"the database {self.path} cannot be written: {error.orig}") from error

    async def close(self) -> None:
        """Give all connections back."""
        for engine in (self._reader, self._writer):
            if engine is not None:
                await engine.dispose()
        self._reader = self._writer = None


def _engine(path: Path, begin: str, connections: int) -> AsyncEngine:
    url = URL.create("sqlite+aiosqlite", database=str(path))
    engine = create_async_engine(
        url, pool_size=connections, max_overflow=0, pool_timeout=BUSY_SECONDS, connect_args={"timeout": BUSY_SECONDS}
    )

    def configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # BEGIN is said below, not guessed by the driver
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine.sync_engine, "connect", configure)
    event.listen(engine.sync_engine, "begin", start)
    return engine
