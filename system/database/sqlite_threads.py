"""Whole transactions on an SQLite file, each in one call to a thread.

A statement that is awaited by itself goes to a thread and back, and so do its rows, its cursor, BEGIN and COMMIT: for a
read of one row that is most of the CPU. Here the transaction is a plain function, and only it goes to a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL, Engine

from kernel.errors import StorageFailed
from system.database.engine import BUSY_SECONDS, begin_sqlite, set_up_sqlite

READERS = 4
MAX_WAITING = 2_000
"""Transactions that wait for a thread; a read takes well under a millisecond."""

T = TypeVar("T")
Transaction = Callable[[Connection], T]


class SqliteThreads:
    """The threads of one file: one that writes, because SQLite has one writer, and some that read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engines = (_make_engine(path, READERS), _make_engine(path, 1).execution_options(writes=True))
        self._threads = (ThreadPoolExecutor(READERS, "sqlite-read"), ThreadPoolExecutor(1, "sqlite-write"))
        self._waiting = 0

    async def run(self, transaction: Transaction[T], *, writes: bool) -> T:
        """What the transaction returns, once it is committed. Raises StorageFailed when too many wait."""
        if self._waiting >= MAX_WAITING:
            raise StorageFailed(f"the database {self._path} is behind: {MAX_WAITING} transactions wait")
        engine, threads = self._engines[writes], self._threads[writes]
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, _run, engine, transaction)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Let running transactions end, drop those that wait, and close the connections."""
        for threads in self._threads:
            threads.shutdown(wait=True, cancel_futures=True)
        for engine in self._engines:
            engine.dispose()


def _run(engine: Engine, transaction: Transaction[T]) -> T:
    with engine.begin() as connection:
        return transaction(connection)


def _make_engine(path: Path, connections: int) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        pool_size=connections,
        max_overflow=0,
        # Each transaction ends by COMMIT or ROLLBACK before its connection goes back.
        pool_reset_on_return=None,
        connect_args={"timeout": BUSY_SECONDS},
    )
    event.listen(engine, "connect", set_up_sqlite)
    event.listen(engine, "begin", begin_sqlite)
    return engine
