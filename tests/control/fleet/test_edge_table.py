"""What replicas tell one another of edges."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from control.db import schema
from control.fleet.edge_table import LEASE_SECONDS, edge_from_row, edge_row, save_edge_rows
from control.fleet.session import Edge
from kernel.clock import Instant
from kernel.fleet.messages import Hello, Popular, Report, Version

NOW = 1_800_000_000.0


def seen(**more: object) -> Edge:
    hello = Hello("e1", "edge", "eu", "127.0.0.1:1", "127.0.0.1:2", pop="fra", capacity=2**64 - 1, release="1.2")
    return Edge(hello, **{"last_seen": NOW, "connected": True} | more)


async def rows_of(store) -> list[dict]:
    return await store.read(select(schema.edges))


async def test_another_replica_knows_all_that_matters(open_store) -> None:
    report = Report(2.0, requests=10, errors=1, slow=0.5, popular=(Popular("a", "v720", 1.0, 1.0),))
    refused = {"settings": Version("e", 4)}
    edge = seen(acked={"rules": 3}, applied={"rules": 2}, errors={"keys": "bad"}, refused=refused, report=report)
    async with open_store() as store:
        await store.save(lambda c: save_edge_rows(c, [edge_row(edge, "one", NOW)]))
        (row,) = await rows_of(store)
    told = edge_from_row(row, Instant(NOW + 5, 1_000.0))
    assert told.connected
    assert (told.hello.pop, told.hello.release, told.hello.capacity) == ("fra", "1.2", 2**63 - 1)
    assert (told.acked, told.applied, told.errors, told.refused) == (edge.acked, edge.applied, edge.errors, refused)
    assert told.report == Report(2.0, requests=10, errors=1, slow=0.5)
    assert told.reported_at == 995.0
    assert not edge_from_row(row, Instant(NOW + LEASE_SECONDS + 1, 0.0)).connected


@pytest.mark.parametrize(("later", "says"), [(1.0, "two"), (LEASE_SECONDS + 1, "one")])
async def test_one_that_left_here_and_came_there_is_there(open_store, later: float, says: str) -> None:
    async with open_store() as store:
        await store.save(lambda c: save_edge_rows(c, [edge_row(seen(), "one", NOW)]))
        await store.save(lambda c: save_edge_rows(c, [edge_row(seen(), "two", NOW)]))
        left = edge_row(seen(connected=False, last_seen=NOW + later), "one", NOW + later)
        await store.save(lambda c: save_edge_rows(c, [left]))
        (row,) = await rows_of(store)
        assert row["replica"] == says


async def test_one_that_left_its_replica_is_gone_at_once(open_store) -> None:
    async with open_store() as store:
        await store.save(lambda c: save_edge_rows(c, [edge_row(seen(), "one", NOW)]))
        await store.save(lambda c: save_edge_rows(c, [edge_row(seen(connected=False), "one", NOW)]))
        (row,) = await rows_of(store)
        assert not edge_from_row(row, Instant(NOW, 0.0)).connected


async def test_text_of_strangers_is_kept(open_store) -> None:
    edge = Edge(Hello("e1", region="r" * 99, release="\0" * 3, pop="\ud800"), NOW, errors={"rules": "\0\ud800"})
    async with open_store() as store:
        await store.save(lambda c: save_edge_rows(c, [edge_row(edge, "one", NOW)]))
        (row,) = await rows_of(store)
        assert (len(row["region"]), row["release"], row["pop"]) == (64, "", "?")
        assert edge_from_row(row, Instant(NOW, 0.0)).errors == edge.errors
