"""The fleet in memory is read anew when it has changed."""

from __future__ import annotations

from control.db.store import Author
from control.fleet import nodes
from control.fleet.fleet_cache import FleetCache
from kernel.fleet.messages import Hello

ME = Author("operator", 1_800_000_000.0)


async def test_it_follows_what_operators_say(open_store) -> None:
    woken, told = [], []
    async with open_store() as store:
        roster = FleetCache(store, lambda: woken.append(1))
        roster.on_change.append(lambda: told.append(set(roster.nodes)))
        await roster.refresh()
        assert not roster.is_stale
        await store.transact(lambda tx: nodes.put_group(tx, nodes.Group("g", region="eu")), ME)
        await store.transact(lambda tx: nodes.put_node(tx, nodes.Node("e1", group="g")), ME)
        assert roster.is_stale
        assert len(woken) == 2
        await roster.refresh()
        await roster.refresh()
        assert told == [set(), {"e1"}]
        assert roster.node(Hello("e1", region="us")).region == "eu"
        assert roster.node(Hello("e2", region="us")).region == "us"
        assert roster.node(Hello("e1")).drained is None
        await store.transact(lambda tx: nodes.drain(tx, "e1"), ME)
        await roster.refresh()
        assert roster.node(Hello("e1")).drained == ME.at
