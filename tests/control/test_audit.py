"""The audit log, on both kinds of database."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import select

from control.audit import FIRST, MOST_TEXT, Deed, note, verify
from control.schema import audit
from control.transaction import Author, Tx

NOW = 1_800_000_000.0


async def log(open_store: Callable, *deeds: Deed) -> Sequence[Any]:
    async with open_store() as store:
        for deed in deeds:

            async def work(tx: Tx, deed: Deed = deed) -> int:
                return await note(tx, deed)

            await store.transact(work, Author(deed.actor, NOW))
        return await store.read(select(audit).order_by(audit.c.seq))


async def test_deeds_are_kept_in_order_from_what_to_what(open_store):
    rows = await log(
        open_store,
        Deed("anna", "node.drain", "e1", {"drained": False}, {"drained": True}, "disk replaced", "r1"),
        Deed("bert", "key.make", "k2"),
    )
    assert [row["seq"] for row in rows] == [1, 2]
    first = rows[0]
    assert (first["actor"], first["action"], first["target"], first["at"]) == ("anna", "node.drain", "e1", NOW)
    assert (first["before"], first["after"], first["reason"]) == (
        '{"drained":false}',
        '{"drained":true}',
        "disk replaced",
    )
    assert (rows[1]["before"], rows[1]["previous"]) == (None, first["hash"])
    assert verify(rows) is None


@pytest.mark.parametrize("name", ["at", "actor", "action", "target", "before", "after", "reason", "request_id"])
async def test_a_row_that_was_changed_is_found(open_store, name: str):
    rows = [dict(row) for row in await log(open_store, *(Deed("anna", "x", str(n), 1, 2) for n in range(4)))]
    rows[2][name] = 5.0 if name == "at" else "other"
    assert verify(rows) == 3


async def test_a_row_that_was_taken_out_is_found(open_store):
    rows = await log(open_store, *(Deed("anna", "x", str(n)) for n in range(4)))
    assert verify([rows[0], *rows[2:]]) == 3
    assert verify(rows[1:]) == 2
    assert verify(rows[1:], rows[0]["hash"]) is None
    assert verify([]) is None
    assert rows[0]["previous"] == FIRST


async def test_what_is_long_is_cut_and_says_so(open_store):
    (row,) = await log(open_store, Deed("anna", "x", "y", None, "z" * (MOST_TEXT + 1)))
    assert '"cut": true' in row["after"]
    assert verify([row]) is None
