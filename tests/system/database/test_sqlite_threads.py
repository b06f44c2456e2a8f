"""Transactions in threads: bounded, and finished before the file is closed."""

import asyncio
import threading

import pytest
from sqlalchemy import text

from kernel.errors import StorageFailed
from system.database import sqlite_threads
from system.database.sqlite_threads import SqliteThreads


async def test_writes_follow_one_another_and_a_close_lets_the_running_one_end(tmp_path):
    threads = SqliteThreads(tmp_path / "x.sqlite3")
    begun, go = threading.Event(), threading.Event()

    def create(connection):
        begun.set()
        go.wait(10)
        connection.execute(text("CREATE TABLE numbers (n INTEGER)"))

    async with asyncio.TaskGroup() as group:
        group.create_task(threads.run(create, writes=True))
        await asyncio.to_thread(begun.wait, 10)
        later = group.create_task(threads.run(lambda c: c.execute(text("INSERT INTO numbers VALUES (1)")), writes=True))
        assert (await threads.run(lambda c: c.execute(text("SELECT 2")).scalar(), writes=False)) == 2
        assert not later.done()
        go.set()
    threads.close()
    again = SqliteThreads(tmp_path / "x.sqlite3")
    assert await again.run(lambda c: c.execute(text("SELECT n FROM numbers")).scalar(), writes=False) == 1
    again.close()


async def test_a_bounded_number_of_transactions_waits(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite_threads, "MAX_WAITING", 2)
    threads = SqliteThreads(tmp_path / "x.sqlite3")
    go = threading.Event()
    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(threads.run(lambda _: go.wait(10), writes=True))
        await asyncio.sleep(0)
        with pytest.raises(StorageFailed, match="behind"):
            await threads.run(lambda _: None, writes=False)
        go.set()
    assert await threads.run(lambda _: 1, writes=False) == 1
    threads.close()
