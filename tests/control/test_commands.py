"""The verbs of control: checked, committed, told to the edges."""

from __future__ import annotations

import asyncio

import pytest

from control.commands import DELETE_EVERY, MAX_TITLES, ControlService
from control.db.database import open_database
from control.db.store import Cursor, Store
from control.desired import changes
from control.fleet.edge_table import LEASE_SECONDS
from control.fleet.fanout import Edge
from kernel.auth.signing_keys import generate_ed25519_pem, public_jwks
from kernel.documents import BadDocument
from kernel.errors import StorageFailed
from kernel.fleet.messages import Hello
from tests.postgresql import address_of


async def test_a_change_is_on_record_with_its_author_and_reason(open_plane, clock) -> None:
    async with open_plane() as plane:
        await plane.put_titles({"a": {}}, author="operator", reason="premiere")
        await plane.put_keys(public_jwks(generate_ed25519_pem(), "k"), author="services")
        await plane.revoke("s", None, author="operator")
        await plane.put_default("allow")
        rows = await plane.store.history()
        assert [row["author"] for row in rows] == ["control", "operator", "services", "operator"]
        assert rows[-1]["reason"] == "premiere"
        assert rows[-1]["at"] == clock.wall()


@pytest.mark.parametrize("cursor", [Cursor("x" * 201, 1), Cursor("a\0", 1), Cursor("s", 0), Cursor("s", 2**63)])
async def test_a_cursor_that_could_not_be_kept_is_refused(open_plane, cursor: Cursor) -> None:
    async with open_plane() as plane:
        with pytest.raises(BadDocument, match="cursor"):
            await plane.put_titles({}, author="services", cursor=cursor)


async def test_too_many_titles_at_once_are_refused(open_plane) -> None:
    async with open_plane() as plane:
        with pytest.raises(BadDocument, match="at most"):
            await plane.put_titles({}, ["a"] * (MAX_TITLES + 1), author="services")


async def test_edges_are_remembered_over_a_restart(open_plane, monkeypatch) -> None:
    async with open_plane() as plane:
        plane.fanout.edges["e1"] = Edge(Hello("e1", region="eu"), 12.5, acked={"rules": 3})
        plane.fanout.changed.add("e1")
        with monkeypatch.context() as broken:

            async def fails(*_: object) -> None:
                raise StorageFailed("no space left")

            broken.setattr(Store, "save", fails)
            await plane.save_edges()
            assert plane.fanout.changed == {"e1"}
        await plane.save_edges()
        assert not plane.fanout.changed
    async with open_plane() as plane:
        await plane.load_edges()
        edge = plane.fanout.edges["e1"]
        assert (edge.hello.region, edge.last_seen, edge.acked, edge.connected) == ("eu", 12.5, {"rules": 3}, False)


async def test_revocations_that_ended_are_forgotten_by_and_by(open_plane, clock, until) -> None:
    async with open_plane() as plane:
        await plane.revoke("s", "1970-01-01T00:00:00Z", author="operator")
        await plane.revoke("t", None, author="operator")
        tending = asyncio.ensure_future(plane.run_upkeep())  # noqa: TID251 (the test owns it)
        await until(lambda: set(changes.revocations(plane.store.desired)) == {"t"})
        await plane.revoke("u", "1970-01-01T00:00:00Z", author="operator")
        await until(lambda: clock.waiting)
        clock.move(DELETE_EVERY)
        await until(lambda: set(changes.revocations(plane.store.desired)) == {"t"})
        tending.cancel()
        await asyncio.gather(tending, return_exceptions=True)


async def test_any_replica_tells_of_all_edges(clock, postgresql_url) -> None:
    one, two = [await Store.open(open_database(address_of(postgresql_url)), name) for name in ("one", "two")]
    here, there = ControlService(one, clock), ControlService(two, clock)
    await here.load_edges()
    edge = Edge(Hello("e1", region="eu", pop="fra"), clock.wall(), connected=True, acked={"rules": 3})
    there.fanout.edges["e1"] = edge
    there.fanout.changed.add("e1")
    await there.save_edges()
    await here.load_edges()
    told = here.fanout.edges["e1"]
    assert (told.connected, told.acked, told.hello.pop) == (True, {"rules": 3}, "fra")
    assert not here.fanout.connected_here
    clock.move(LEASE_SECONDS + 1)  # the other replica says no more
    await here.load_edges()
    assert not here.fanout.edges["e1"].connected
    for store in (one, two):
        await store.dispose()
