"""One service's tables in an SQLite file or a PostgreSQL schema: opened, migrated, read and written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

from kernel.errors import StorageFailed
from system.database.engine import DatabaseAddress, Engine, open_engine
from system.database.migrations import Migrations, migrate
from system.database.sqlite_threads import SqliteThreads
from system.private_files import private_folder

MAX_READERS = 4

CALLERS_FAULT = (IntegrityError, DataError, ProgrammingError)
"""What the database says of one statement while it goes on serving: raised as it is."""

T = TypeVar("T")


class Database:
    """The tables of one service. `schema` names PostgreSQL's schema, and the channel of its notifications."""

    def __init__(self, address: DatabaseAddress, migrations: Migrations, schema: str) -> None:
        self.address = address
        self.schema = schema
        self._migrations = migrations
        self._writer: Engine | None = None
        self._reader: Engine | None = None
        self._threads: SqliteThreads | None = None

    @property
    def is_shared(self) -> bool:
        """Whether other processes of the service may write to it: PostgreSQL."""
        return self.address.path is None

    async def open(self) -> None:
        """Connect and bring the tables up to date. Raises StorageFailed naming the database."""
        application = f"matinee {self.schema}"
        # SQLite has one writer at a time. Readers have connections of their own: a flood of them never blocks a write.
        writers = 0 if self.is_shared else 1
        self._writer = open_engine(self.address, application, self.schema, self.schema, writers)
        self._reader = (
            self._writer
            if self.is_shared
            else open_engine(self.address, application, self.schema, self.schema, MAX_READERS)
        )
        failures: tuple[type[Exception], ...] = (StorageFailed, *self._writer.failures)
        try:
            if self.address.path is not None:
                private_folder(self.address.path.parent)
                self._threads = SqliteThreads(self.address.path)
            async with self._writer.writing.begin() as connection:
                await migrate(connection, self._migrations, self.schema)
        except failures as error:
            cause = self._writer.cause(error)
            await self.close()
            raise StorageFailed(f"the database {self.address.name} cannot be opened: {cause}") from error

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection that sees one moment of the database throughout. Raises StorageFailed."""
        async with self._transaction(self._reader, writes=False) as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A connection whose changes are committed, and on disk, when the block ends well; undone when it raises.

        Raises StorageFailed, and what `CALLERS_FAULT` lists.
        """
        async with self._transaction(self._writer, writes=True) as connection:
            yield connection

    async def run_read(self, transaction: Callable[[Connection], T]) -> T:
        """What a function of a connection reads in one transaction: less CPU than `read`. Raises StorageFailed.

        On SQLite it runs in a thread, so it shares nothing with the caller that others change.
        """
        return await self._run(transaction, writes=False)

    async def run_write(self, transaction: Callable[[Connection], T]) -> T:
        """The same for a function whose changes are committed, and on disk, on return.

        Raises StorageFailed, and what `CALLERS_FAULT` lists.
        """
        return await self._run(transaction, writes=True)

    async def _run(self, transaction: Callable[[Connection], T], *, writes: bool) -> T:
        if self._threads is None:
            async with self._transaction(self._writer if writes else self._reader, writes=writes) as connection:
                return await connection.run_sync(transaction)
        with self._translate(self._writer, writes=writes):
            return await self._threads.run(transaction, writes=writes)

    @asynccontextmanager
    async def _transaction(self, engine: Engine | None, *, writes: bool) -> AsyncIterator[AsyncConnection]:
        with self._translate(engine, writes=writes) as opened:
            async with (opened.writing if writes else opened.reading).begin() as connection:
                yield connection

    @contextmanager
    def _translate(self, engine: Engine | None, *, writes: bool) -> Iterator[Engine]:
        """Raise the failures of an open engine as StorageFailed."""
        if engine is None:
            raise StorageFailed(f"the database {self.address.name} is not open")
        try:
            yield engine
        except CALLERS_FAULT:
            raise
        except engine.failures as error:
            doing = "written" if writes else "read"
            raise StorageFailed(f"the database {self.address.name} cannot be {doing}: {engine.cause(error)}") from error

    def insert(self, table: Table) -> Any:
        """An INSERT of this engine's dialect, which knows ON CONFLICT."""
        return (postgresql.insert if self.is_shared else sqlite.insert)(table)

    async def notify(self, connection: AsyncConnection, payload: str) -> None:
        """Tell the service's other processes, once this transaction commits. Does nothing on SQLite."""
        if self.is_shared:
            await connection.execute(
                text("SELECT pg_notify(:channel, :payload)"), {"channel": self.schema, "payload": payload}
            )

    async def listen(self, heard: Callable[[str], object], lost: Callable[[], object]) -> Any:
        """Call `heard(payload)` at each notification until the connection ends (`lost()`); close what is returned.

        Raises StorageFailed. Only for a shared database.
        """
        engine = self._writer
        if engine is None or engine.listen is None:
            raise StorageFailed(f"the database {self.address.name} sends no notifications")
        try:
            return await engine.listen(heard, lost)
        except engine.failures as error:
            raise StorageFailed(f"the database {self.address.name}: {engine.cause(error)}") from error

    async def scrub(self) -> None:
        """Move everything out of SQLite's write-ahead log, which keeps deleted rows until then. Raises StorageFailed.

        Does nothing on PostgreSQL, whose log is its operator's.
        """
        engine = self._writer
        if engine is None or self.is_shared:
            return
        try:
            async with engine.engine.connect() as connection:
                # Not through SQLAlchemy, which begins a transaction first: a checkpoint within one does nothing.
                driver: Any = (await connection.get_raw_connection()).driver_connection
                await driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except engine.failures as error:
            why = engine.cause(error)
            raise StorageFailed(f"the database {self.address.name} cannot be scrubbed: {why}") from error

    async def close(self) -> None:
        """Give all connections back."""
        threads, self._threads = self._threads, None
        if threads is not None:
            await asyncio.to_thread(threads.close)
        engines, self._writer, self._reader = {self._writer, self._reader}, None, None
        for engine in engines:
            if engine is not None:
                await engine.engine.dispose()
