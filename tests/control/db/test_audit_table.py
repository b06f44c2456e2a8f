"""The audit log in the database: rows with each change, a head, rows of earlier releases; on both kinds of database."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable

from sqlalchemy import delete, func, select, update

from control.audit.chain import GENESIS_HASH, NO_KEY, Keyring, Verifier
from control.audit.entry import Action, AuditEntry, Author, Call
from control.db.audit_table import pages, prune, read_head
from control.db.schema import audit, audit_head
from control.db.store import Store, Tx
from control.desired.resources import Change
from kernel.fleet.messages import RULES

LEGACY = (
    "seq", "at", "actor", "action", "target", "before", "after", "reason", "request_id", "revision", "previous",
)  # fmt: skip
ME = Author("anna", 1_800_000_000.0, "why", Call("192.0.2.1", "r1"), Action.TITLES_PUT)


def title(name: str, content: bytes = b"{}"):
    return lambda _: Change({(RULES, f"title/{name}"): content})


async def breaks(store: Store, keyring: Keyring = NO_KEY) -> list:
    async with store.snapshot() as connection:
        verifier = Verifier(keyring, await read_head(connection))
        async for page in pages(connection):
            verifier.add_rows(page)
    verifier.finish()
    return verifier.breaks


async def rows_of(store: Store) -> list[dict]:
    return await store.read(select(audit).order_by(audit.c.seq))


async def test_every_change_has_its_row_in_its_transaction(open_store: Callable):
    async with open_store() as store:
        await store.commit(title("a"), ME)
        await store.commit(title("a"), ME)  # changes nothing

        async def fails(tx: Tx) -> None:
            tx.add_audit_entry(AuditEntry(Action.API_KEY_MAKE, "k"))
            raise ValueError

        for _ in range(2):
            with contextlib.suppress(ValueError):
                await store.transact(fails, ME)
        await store.commit(title("b"), ME)
        rows = await rows_of(store)
        assert [row["action"] for row in rows] == ["audit.begin", "titles.put", "titles.put"]
        row = rows[1]
        assert (row["actor"], row["peer"], row["reason"], row["request_id"]) == ("anna", "192.0.2.1", "why", "r1")
        assert (row["revision"], row["before"], row["target"]) == (1, None, "rules/title/a")
        assert json.loads(row["after"]) == {"rules/title/a": "{}"}
        assert await breaks(store) == []


async def test_a_work_that_forgets_to_note_itself_is_noted_all_the_same(open_store: Callable):
    async with open_store() as store:

        async def work(tx: Tx) -> None:
            tx.announce("tokens")

        await store.transact(work, Author("anna", 1.0))
        assert [(row["action"], row["target"]) for row in await rows_of(store)][1:] == [("change", "tokens")]


async def test_rows_of_an_earlier_release_are_adopted_and_the_log_says_so(open_store: Callable):
    async with open_store() as store:
        await store.save(lambda connection: connection.execute(audit.insert(), legacy(3)))
        await store.commit(title("a"), ME)
        rows = await rows_of(store)
        assert [row["action"] for row in rows] == ["x", "x", "x", "audit.adopt", "titles.put"]
        assert json.loads(rows[3]["after"]) == {"rows": 3, "first": 1, "last": 3, "hash": rows[2]["hash"]}
        assert await breaks(store) == []
        await store.save(
            lambda connection: connection.execute(update(audit).where(audit.c.seq == 1).values(actor="eve"))
        )
        assert [one.seq for one in await breaks(store)] == [1]


async def test_rows_of_an_earlier_release_that_do_not_hold_are_told_for_good(open_store: Callable):
    async with open_store() as store:
        rows = legacy(3)
        rows[1]["actor"] = "eve"
        await store.save(lambda connection: connection.execute(audit.insert(), rows))
        await store.commit(title("a"), ME)
        assert [one.seq for one in await breaks(store)] == [2, 4]


async def test_changes_go_on_after_a_head_that_is_gone_or_changed_and_the_log_says_so(open_store: Callable):
    async with open_store() as store:
        await store.commit(title("a"), ME)
        await store.save(lambda connection: connection.execute(delete(audit_head)))
        await store.commit(title("b"), ME)
        await store.save(lambda connection: connection.execute(update(audit_head).values(last=1)))
        await store.commit(title("c"), ME)
        await store.save(lambda connection: connection.execute(audit.insert(), [legacy(7)[-1]]))
        await store.commit(title("d"), ME)
        rows = await rows_of(store)
        assert [row["action"] for row in rows][2:] == ["audit.broken", "titles.put"] * 2 + [
            "x",
            "audit.broken",
            "titles.put",
        ]
        assert sorted({one.seq for one in await breaks(store)}) == [3, 5, 7, 8]


async def test_the_newest_row_taken_out_leaves_a_gap(open_store: Callable):
    async with open_store() as store:
        await store.commit(title("a"), ME)
        await store.commit(title("b"), ME)
        await store.save(lambda connection: connection.execute(delete(audit).where(audit.c.seq == 3)))
        assert [one.seq for one in await breaks(store)] == [3]
        await store.commit(title("c"), ME)
        assert [one.seq for one in await breaks(store)] == [3]
        assert (await rows_of(store))[-1]["seq"] == 4


async def test_replicas_write_one_chain(open_store: Callable, make_database: Callable):
    async with open_store() as store:
        if make_database().listen is None:
            return
        async with open_store() as other:
            for number in range(4):
                await (store, other)[number % 2].commit(title(f"t{number}"), ME)
            assert await breaks(store) == []
            assert (await store.read(select(func.count().label("n")).select_from(audit)))[0]["n"] == 5


async def test_the_oldest_rows_are_removed_and_the_head_says_up_to_where(open_store: Callable):
    async with open_store() as store:
        for number in range(4):
            await store.commit(title(f"t{number}"), Author("anna", 100.0 + number))

        async def work(tx: Tx):
            return await prune(tx.connection, NO_KEY, 102.0)

        assert (await store.transact(work, ME))["last"] == 3
        assert await store.transact(work, ME) is None
        assert (await rows_of(store))[0]["seq"] == 4
        assert await breaks(store) == []
        await store.save(lambda connection: connection.execute(delete(audit).where(audit.c.seq == 4)))
        assert [one.seq for one in await breaks(store)] == [4]


def legacy(count: int) -> list[dict]:
    """Rows as releases before the key have written them."""
    rows: list[dict] = []
    for seq in range(1, count + 1):
        values = (seq, 1.5, "anna", "x", "y", None, "1", "", "", None, rows[-1]["hash"] if rows else GENESIS_HASH)
        hashed = json.dumps(list(values), ensure_ascii=True, separators=(",", ":")).encode()
        rows.append(dict(zip(LEGACY, values, strict=True)) | {"hash": hashlib.sha256(hashed).hexdigest()})
    return rows
