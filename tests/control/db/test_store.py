"""What is acknowledged is on disk; what fails changes nothing."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

import control.db.store
from control.db.store import Author, Committed, Cursor, Store
from control.db.transaction import WriteGroup
from control.desired import changes
from control.desired.resources import Change, Desired
from kernel.errors import Overloaded, StorageFailed
from kernel.fleet.messages import RULES
from tests.postgresql import PASSWORD

ME = Author("tester", 1_800_000_000.0, "why not")


def title(name: str, **licence) -> object:
    return lambda desired: changes.put_titles(desired, {name: licence})


async def test_what_was_committed_is_there_after_a_restart(open_store) -> None:
    async with open_store() as store:
        assert await store.commit(title("a", allow=["DE"]), ME) == Committed(1, 0)
        await store.commit(title("b"), ME)
        await store.commit(lambda d: changes.put_titles(d, {}, ["b"]), ME, Cursor("catalogue", 17))
        before, epoch = store.desired, store.desired.epoch
    async with open_store() as store:
        assert store.desired.epoch == epoch
        assert store.desired.revision == 3
        assert store.desired.resource_sets[RULES].resources == before.resource_sets[RULES].resources
        assert store.desired.resource_sets[RULES].touched_after(1) == {"title/b"}
        assert dict(store.cursors) == {"catalogue": 17}
        (last, *_) = await store.history()
        assert (last["number"], last["author"], last["at"], last["reason"]) == (3, "tester", ME.at, "why not")


async def test_a_change_of_nothing_is_no_revision(open_store) -> None:
    async with open_store() as store:
        woken = []
        store.on_change("revision", lambda: woken.append(store.desired.revision))
        await store.commit(title("a"), ME)
        assert await store.commit(title("a"), ME) == Committed(1, 0)
        assert woken == [1]
        assert len(await store.history()) == 1


async def test_changes_that_wait_together_are_committed_together_and_each_hears_of_its_own(open_store) -> None:
    async with open_store() as store:
        results = await asyncio.gather(
            store.commit(title("a"), ME),
            store.commit(title("b", allow=["nowhere"]), ME),
            store.commit(title("c"), ME),
            return_exceptions=True,
        )
        assert results[0] == Committed(1, 0)
        assert isinstance(results[1], ValueError)
        assert results[2] == Committed(2, 0)
        assert list(changes.title_ids(store.desired)) == ["a", "c"]


async def test_a_cursor_that_was_passed_changes_nothing(open_store) -> None:
    async with open_store() as store:
        assert await store.commit(title("a", allow=["DE"]), ME, Cursor("catalogue", 5, more=True)) == Committed(1, 0)
        assert await store.commit(title("b"), ME, Cursor("catalogue", 5)) == Committed(2, 5)
        assert await store.commit(title("a"), ME, Cursor("catalogue", 5)) == Committed(2, 5)
        assert await store.commit(title("a"), ME, Cursor("another", 1)) == Committed(3, 1)
        assert await store.commit(title("a"), ME, Cursor("catalogue", 6)) == Committed(3, 6)


async def test_a_database_that_fails_keeps_memory_and_disk_the_same(open_store, monkeypatch) -> None:
    async with open_store() as store:
        await store.commit(title("a"), ME)

        async def fails(*_: object) -> None:
            raise OperationalError("INSERT", {}, Exception("database or disk is full"))

        with monkeypatch.context() as broken:
            broken.setattr(WriteGroup, "finish", fails)
            with pytest.raises(StorageFailed, match="disk is full"):
                await store.commit(title("b"), ME)
        assert list(changes.title_ids(store.desired)) == ["a"]
        assert (await store.commit(title("c"), ME)).revision == 2


async def test_a_caller_that_goes_away_does_not_disturb_the_writer(open_store) -> None:
    async with open_store() as store:
        gone = asyncio.ensure_future(store.commit(title("a"), ME))  # noqa: TID251 (the test owns it)
        await asyncio.sleep(0)
        gone.cancel()
        assert (await store.commit(title("b"), ME)).revision == 2
        assert list(changes.title_ids(store.desired)) == ["a", "b"]


async def test_too_many_waiting_changes_are_turned_away(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(control.db.store, "MAX_QUEUED", 1)
    store = await Store.open(tmp_path / "c.sqlite3")
    waiting = asyncio.ensure_future(store.commit(title("a"), ME))  # noqa: TID251 (the test owns it)
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await store.commit(title("b"), ME)
    waiting.cancel()
    await store.dispose()


async def test_a_store_that_is_closed_finishes_what_waits_and_takes_no_more(open_store) -> None:
    async with open_store() as store:
        waiting = asyncio.ensure_future(store.commit(title("a"), ME))  # noqa: TID251 (the test owns it)
        await asyncio.sleep(0)
        await store.close()
        assert (await waiting).revision == 1
        with pytest.raises(Overloaded, match="shutting down"):
            await store.commit(title("b"), ME)


async def test_a_new_epoch_is_kept(open_store) -> None:
    async with open_store() as store:
        await store.commit(title("a"), ME)
        before = store.desired
        await store.renew_epoch()
        epoch = store.desired.epoch
        assert epoch != before.epoch
        assert store.desired.resource_sets == before.resource_sets
        assert store.desired.revision == before.revision
    async with open_store() as store:
        assert store.desired.epoch == epoch


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "c.sqlite3").write_bytes(b"not a database at all, but long enough to be looked at" * 50)
    with pytest.raises(StorageFailed, match=r"c\.sqlite3: .*not a database"):
        await Store.open(tmp_path / "c.sqlite3")


KILLED = """
import asyncio, os, sys
from pathlib import Path
from control.desired import changes
from control.db.database import open_database
from control.db.store import Author, Store
from system.database.engine import read_address
async def main():
    store = await Store.open(open_database(read_address(sys.argv[1], Path("."))))
    writer = asyncio.create_task(store.run())
    for number in range(1000):
        put = lambda desired: changes.put_titles(desired, {f"t{number}": {}})
        await store.commit(put, Author("x", 0))
        print(number, flush=True)
asyncio.run(main())
"""


async def test_what_was_acknowledged_before_a_kill_is_there(database_setting: str, open_store) -> None:
    command = [sys.executable, "-c", KILLED, database_setting]
    environment = os.environ | {"PGPASSWORD": PASSWORD}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= 20:
                process.kill()
                break
        acknowledged = [int(line), *(int(rest) for rest in process.stdout.read().split())]
    async with open_store() as store:
        held = set(changes.title_ids(store.desired))
        assert held >= {f"t{number}" for number in range(max(acknowledged) + 1)}
        assert isinstance(store.desired, Desired)
        assert (await store.commit(lambda _: Change(removes=frozenset({(RULES, "title/t0")})), ME)).revision > 20
