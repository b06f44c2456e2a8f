"""Several replicas of control over one PostgreSQL: what one changes all hold, whichever of them dies."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg
import pytest
from sqlalchemy import event

from control.db.change_listener import ChangeListener
from control.db.database import CHANNEL, open_database
from control.db.store import Author, Committed, Cursor, Store
from control.desired import changes
from kernel.errors import StorageFailed
from kernel.fleet.messages import RULES
from system.database.engine import DatabaseAddress
from tests.postgresql import PASSWORD, address_of

ME = Author("tester", 1_800_000_000.0)


def title(name: str, **licence) -> Callable:
    return lambda desired: changes.put_titles(desired, {name: licence})


@pytest.fixture
def replica(postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> Callable:
    monkeypatch.setattr("control.db.change_listener.POLL_EVERY", 0.05)

    @asynccontextmanager
    async def opened(name: str, *, notifies: bool = True) -> AsyncIterator[Store]:
        database = open_database(address_of(postgresql_url))
        store = await Store.open(database if notifies else replace(database, listen=None), name)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(store.run())
            yield store
            await store.close()
        await store.dispose()

    return opened


@pytest.fixture
async def administrator(postgresql_server) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(postgresql_server.url("postgres"), password=PASSWORD)
    yield connection
    await connection.close()


def same(one: Store, other: Store) -> bool:
    return one.desired.revision == other.desired.revision and dict(one.cursors) == dict(other.cursors)


async def test_replicas_that_change_at_once_take_turns_and_end_alike(replica, until) -> None:
    async with replica("one") as one, replica("two") as two:
        made = await asyncio.gather(
            *(store.commit(title(f"{store.replica}-{n}"), ME) for n in range(25) for store in (one, two))
        )
        assert sorted(done.revision for done in made) == list(range(1, 51))
        await until(lambda: same(one, two))
        assert one.desired.resource_sets[RULES].resources == two.desired.resource_sets[RULES].resources
        assert len(changes.title_ids(one.desired)) == 50
        for revision in range(51):
            assert one.desired.resource_sets[RULES].touched_after(revision) == two.desired.resource_sets[
                RULES
            ].touched_after(revision)


async def test_one_that_is_behind_judges_by_what_is_newest(replica) -> None:
    async with replica("one") as one, replica("two") as two:
        seen = []
        await one.commit(title("a", allow=["DE"]), ME)
        await two.commit(lambda desired: seen.append(desired.revision) or changes.put_titles(desired, {"b": {}}), ME)
        assert seen == [1]
        assert await two.commit(title("a", allow=["DE"]), ME) == Committed(2, 0)


async def test_a_cursor_counts_at_every_replica(replica, until) -> None:
    async with replica("one") as one, replica("two") as two:
        assert await one.commit(title("a"), ME, Cursor("catalogue", 5)) == Committed(1, 5)
        assert await two.commit(title("a", allow=["DE"]), ME, Cursor("catalogue", 5)) == Committed(1, 5)
        assert await two.commit(title("a"), ME, Cursor("catalogue", 6)) == Committed(1, 6)
        await until(lambda: dict(one.cursors) == {"catalogue": 6})


async def test_callbacks_hear_of_what_others_change_at_once(replica, monkeypatch) -> None:
    monkeypatch.setattr("control.db.change_listener.POLL_EVERY", 600.0)
    async with replica("one") as one, replica("two") as two:
        heard = asyncio.Event()
        two.on_change("jobs", heard.set)

        async def work(tx) -> int:
            tx.announce("jobs")
            return await tx.next("jobs")

        for number in range(1, 4):
            heard.clear()
            while not heard.is_set():  # the listener may not listen yet
                number = await one.transact(work, ME)
                try:
                    async with asyncio.timeout(2):
                        await heard.wait()
                except TimeoutError:
                    continue
        assert number >= 3


async def test_poll_finds_what_was_not_notified(replica, until, monkeypatch) -> None:
    monkeypatch.setattr("control.db.change_listener.POLL_EVERY", 0.02)

    async with replica("one", notifies=False) as one, replica("two") as two:
        await one.commit(title("a"), ME)
        await until(lambda: same(one, two))


async def test_a_new_epoch_is_begun_once_by_all(replica, until) -> None:
    async with replica("one") as one, replica("two") as two:
        before = one.desired.epoch
        await asyncio.gather(one.renew_epoch(), two.renew_epoch())
        await until(lambda: one.desired.epoch == two.desired.epoch)
        assert one.desired.epoch != before
        epoch = one.desired.epoch
        await one.refresh()
        assert one.desired.epoch == epoch


async def test_a_database_that_lost_its_history_begins_a_new_epoch(replica, until, postgresql_url) -> None:
    async with replica("one") as one:
        for name in "abc":
            await one.commit(title(name), ME)
        before = one.desired
        restored = await asyncpg.connect(postgresql_url, password=PASSWORD)
        for table in ("resources", "revisions", "details"):
            await restored.execute(f"DELETE FROM {table} WHERE number > 1")
        await restored.execute("UPDATE heads SET number = 1 WHERE kind = 'revision'")
        await restored.close()
        await until(lambda: one.desired.epoch != before.epoch)
        assert one.desired.revision == 1
        assert (await one.commit(title("d"), ME)).revision == 2
        assert list(changes.title_ids(one.desired)) == ["a", "d"]


async def test_while_the_database_is_away_all_is_held_and_changes_are_refused(replica, until, administrator) -> None:
    async with replica("one") as one, replica("two") as two:
        await one.commit(title("a"), ME)
        await until(lambda: same(one, two))
        name = _name(one)
        await administrator.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await administrator.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        with pytest.raises(StorageFailed, match="could not be kept"):
            await one.commit(title("b"), ME)
        with pytest.raises(StorageFailed):
            await one.history()
        await until(lambda: not two.available)
        assert list(changes.title_ids(two.desired)) == ["a"]
        await administrator.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        await until(lambda: one.available and two.available)
        assert (await one.commit(title("c"), ME)).revision == 2
        await until(lambda: list(changes.title_ids(two.desired)) == ["a", "c"])


def set_local(setting: str) -> Callable:
    return lambda connection: connection.exec_driver_sql(f"SET LOCAL {setting}")


async def test_a_hung_transaction_is_ended_by_the_server(replica) -> None:
    async with replica("one") as one, replica("two") as two:
        # On a loaded machine any transaction may idle for as long, so only the one that hangs has the short bound.
        hanging_engine, waiting_engine = (store.database.engine.sync_engine for store in (one, two))
        event.listen(hanging_engine, "begin", bound_idle := set_local("idle_in_transaction_session_timeout = '400ms'"))
        event.listen(waiting_engine, "begin", set_local("lock_timeout = '200ms'"))
        inside, go_on = asyncio.Event(), asyncio.Event()

        async def hangs(tx) -> None:
            inside.set()
            await go_on.wait()
            await tx.next("jobs")

        hanging = asyncio.ensure_future(one.transact(hangs, ME))  # noqa: TID251 (the test owns it)
        await inside.wait()
        done = None
        while done is None:
            try:
                done = await two.commit(title("a"), ME)
            except StorageFailed as error:
                assert "lock timeout" in str(error)  # noqa: PT017 (it may be said several times)
        go_on.set()
        with pytest.raises(StorageFailed):
            await hanging
        event.remove(hanging_engine, "begin", bound_idle)
        assert (await one.commit(title("b"), ME)).revision == done.revision + 1


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from control.desired import changes
from control.db.database import open_database
from control.db.store import Author, Cursor, Store
from control.db.queued_change import QueuedChange
from system.database.engine import read_address
async def main():
    store = await Store.open(open_database(read_address(sys.argv[1], Path("."))))
    writer = asyncio.create_task(store.run())
    QueuedChange.resolve = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    put = lambda desired: changes.put_titles(desired, {"a": {}})
    await store.commit(put, Author("catalogue", 0), Cursor("catalogue", 7))
asyncio.run(main())
"""


async def test_a_replica_killed_between_commit_and_answer_has_made_its_change_once(
    replica, until, postgresql_url
) -> None:
    async with replica("two") as two:
        command = [sys.executable, "-c", KILLED, postgresql_url]
        killed = await asyncio.to_thread(
            subprocess.run, command, env=os.environ | {"PGPASSWORD": PASSWORD}, capture_output=True, check=False
        )
        assert killed.returncode == -9, killed.stderr.decode()
        await until(lambda: list(changes.title_ids(two.desired)) == ["a"])
        assert await two.commit(title("a"), ME, Cursor("catalogue", 7)) == Committed(1, 7)
        assert len(await two.history()) == 1


async def test_a_listener_that_is_lost_is_made_anew(postgresql_url, until, monkeypatch) -> None:
    refreshed: list[int] = []

    async def refresh() -> None:
        refreshed.append(1)

    database = open_database(address_of(postgresql_url))
    other = await asyncpg.connect(postgresql_url, password=PASSWORD)
    monkeypatch.setattr("control.db.change_listener.POLL_EVERY", 0.05)
    follower = ChangeListener(database, "me", refresh)
    running = asyncio.ensure_future(follower.run())  # noqa: TID251 (the test owns it)
    await until(lambda: refreshed)
    listening = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    first = await other.fetchval(listening)
    await other.execute("SELECT pg_terminate_backend($1)", first)
    second = first
    while second in (first, None):
        second = await other.fetchval(listening)
        await other.execute(f"NOTIFY {CHANNEL}, 'another'")
        await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await other.close()
    await database.engine.dispose()


async def test_over_a_file_there_is_nobody_to_follow(tmp_path) -> None:
    database = open_database(DatabaseAddress(tmp_path / "c.sqlite3"))
    await ChangeListener(database, "me", lambda: asyncio.sleep(0)).run()
    await database.engine.dispose()


def _name(store: Store) -> str:
    return store.database.name.rpartition("/")[2]
