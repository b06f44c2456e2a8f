"""Works of one transaction: each by itself, all of the newest state, kept together."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import insert, select, text

from control.db import schema
from control.db.store import Author, Tx
from control.db.transaction import WriteGroup, storable_text, upsert
from control.desired.resources import Change
from control.desired.revision_diff import ResourceChange, unpack
from kernel.errors import StorageFailed
from kernel.fleet.messages import RULES

ME = Author("tester", 1_800_000_000.0, "why not")
A = (RULES, "title/a")


async def test_a_work_is_one_revision_whatever_it_changes(open_store) -> None:
    async def work(tx: Tx) -> int:
        assert tx.change(Change({A: b"{}"}))
        assert not tx.change(Change({A: b"{}"}))
        assert tx.desired.content(*A) == b"{}"
        assert tx.change(Change({A: b"[]"}))
        tx.touch("node", "e1", None, b'{"region":"eu"}')
        return tx.number

    async with open_store() as store:
        assert await store.transact(work, ME) == 1
        assert store.desired.content(*A) == b"[]"
        (row,) = await store.read(select(schema.details))
        assert row["number"] == 1
        assert unpack(row["content"]) == (
            ResourceChange(*A, None, b"{}"), ResourceChange(*A, b"{}", b"[]"), ResourceChange("node", "e1", None,
            b'{"region":"eu"}'),
        )  # fmt: skip
        (told,) = await store.history()
        assert (told["number"], told["author"], told["reason"]) == (1, "tester", "why not")


async def test_a_work_that_only_writes_its_own_table_is_no_revision(open_store) -> None:
    async def work(tx: Tx) -> int:
        return await tx.next("jobs")

    async with open_store() as store:
        assert [await store.transact(work, ME) for _ in range(3)] == [1, 2, 3]
        assert store.desired.revision == 0
        assert not await store.history()


async def test_what_one_work_spoils_the_others_do_not_feel(open_store) -> None:
    lease = {"name": "l", "holder": "h", "until": 1.0}

    async def good(tx: Tx) -> int:
        tx.change(Change({(RULES, f"title/{tx.number}"): b"{}"}))
        return await tx.next("jobs")

    async def bad(tx: Tx) -> None:
        await tx.connection.execute(insert(schema.leases).values(lease))
        tx.change(Change({A: b"{}"}))
        await tx.next("jobs")
        raise LookupError("no such thing")

    async def refused(tx: Tx) -> None:
        await tx.connection.execute(insert(schema.leases).values(lease))
        await tx.connection.execute(insert(schema.leases).values(lease))

    async with open_store() as store:
        done = await asyncio.gather(
            *(store.transact(work, ME) for work in (good, bad, refused, good)), return_exceptions=True
        )
        assert (done[0], done[3]) == (1, 2)
        assert isinstance(done[1], LookupError)
        assert isinstance(done[2], StorageFailed)
        assert "unique" in str(done[2]).lower()
        assert set(store.desired.resource_sets[RULES].resources) == {"title/1", "title/2"}
        assert not await store.read(select(schema.leases))
        assert store.available
    async with open_store() as store:
        assert set(store.desired.resource_sets[RULES].resources) == {"title/1", "title/2"}


async def test_who_listens_hears_of_each_kind_after_the_commit(open_store) -> None:
    heard = []

    async def work(tx: Tx) -> None:
        tx.announce("nodes")
        tx.touch("node", "e1", None, b"{}")
        assert not heard

    async with open_store() as store:
        for kind in ("nodes", "groups", "revision"):
            store.on_change(kind, lambda kind=kind: heard.append(kind))
        await store.transact(work, ME)
        assert sorted(heard) == ["nodes", "revision"]
        heard.clear()
        await store.save(lambda connection: upsert(connection, schema.leases, []), ["groups"])
        assert heard == ["groups"]


async def test_a_name_and_a_reason_of_strangers_are_kept_as_text(open_store) -> None:
    async with open_store() as store:
        author = Author("a\0b" + "x" * 500, 1.0, "half \ud800 and \0")
        await store.commit(lambda _: Change({A: b"{}"}), author)
        (row,) = await store.history()
        assert (row["author"][:3], len(row["author"]), row["reason"]) == ("abx", 200, "half ? and ")


async def test_rows_are_put_in_place_of_those_of_the_same_key(open_store) -> None:
    async with open_store() as store:
        for until in (1.0, 2.0):
            rows = [{"name": name, "holder": "h", "until": until} for name in "ab"]
            await store.save(lambda connection, rows=rows: upsert(connection, schema.leases, rows))
        assert [row["until"] for row in await store.read(select(schema.leases))] == [2.0, 2.0]


def test_text_that_every_database_takes() -> None:
    assert storable_text("a\0b\udfff", 3) == "ab?"


async def test_one_that_spoils_the_whole_is_left_out_of_it(open_store, monkeypatch) -> None:
    finish = WriteGroup.finish

    async def spoiled(group: WriteGroup) -> dict[str, int]:
        if (RULES, "title/bad") in group.rows:
            await group.connection.execute(text("INSERT INTO leases VALUES (NULL, NULL, NULL)"))
        return await finish(group)

    monkeypatch.setattr(WriteGroup, "finish", spoiled)
    async with open_store() as store:
        puts = [Change({(RULES, f"title/{name}"): b"{}"}) for name in ("a", "bad", "c")]
        done = await asyncio.gather(*(store.commit(lambda _, put=put: put, ME) for put in puts), return_exceptions=True)
        assert isinstance(done[1], StorageFailed)
        assert [done[0].revision, done[2].revision] == [1, 2]
        assert set(store.desired.resource_sets[RULES].resources) == {"title/a", "title/c"}


@pytest.mark.parametrize("name", ["x" * 513, "a\0b", "half \ud800"])
async def test_a_name_that_no_database_would_take_is_refused(open_store, name: str) -> None:
    async with open_store() as store:
        with pytest.raises(ValueError, match=r"printable|surrogates"):
            await store.commit(lambda _: Change({(RULES, name): b"{}"}), ME)
