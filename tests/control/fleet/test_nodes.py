"""What operators say of nodes and groups."""

from __future__ import annotations

import pytest

from control.db import schema
from control.db.store import Author
from control.desired.changes import NotFound
from control.fleet import nodes
from control.fleet.edge_table import edge_row, save_edge_rows
from control.fleet.nodes import Group, Node, effective_node, parse_group, parse_node
from control.fleet.session import Edge
from kernel.documents import BadDocument
from kernel.fleet.messages import Hello

ME = Author("operator", 1_800_000_000.0, "because")


async def held(store, name: str = "e1") -> Node | None:
    rows = await store.read(schema.nodes.select().where(schema.nodes.c.id == name))
    return Node(**rows[0]) if rows else None


async def test_a_node_is_put_drained_and_forgotten_each_as_a_revision(open_store) -> None:
    async with open_store() as store:
        node = parse_node("e1", {"region": "eu", "pop": "fra", "capacity": 10**10})
        await store.transact(lambda tx: nodes.put_node(tx, node), ME)
        await store.transact(lambda tx: nodes.put_node(tx, node), ME)  # and again changes nothing
        await store.transact(lambda tx: nodes.drain(tx, "e1"), ME)
        await store.transact(lambda tx: nodes.drain(tx, "e1"), Author("other", 1.0))
        assert (await held(store)).drained == ME.at
        await store.transact(lambda tx: nodes.put_node(tx, parse_node("e1", {"region": "us"})), ME)
        kept = await held(store)
        assert (kept.region, kept.pop, kept.drained, kept.number) == ("us", "", ME.at, 3)
        await store.transact(lambda tx: nodes.undrain(tx, "e1"), ME)
        assert (await held(store)).drained is None
        await store.transact(lambda tx: nodes.remove_node(tx, "e1"), ME)
        assert await held(store) is None
        assert store.desired.revision == 5
        for work in (nodes.drain, nodes.undrain, nodes.remove_node):
            with pytest.raises(NotFound, match="e1"):
                await store.transact(lambda tx, work=work: work(tx, "e1"), ME)


async def test_an_edge_that_was_only_seen_can_be_drained(open_store) -> None:
    async with open_store() as store:
        await store.save(lambda c: save_edge_rows(c, [edge_row(Edge(Hello("s1", "shield"), 1.0), "one", 1.0)]))
        await store.transact(lambda tx: nodes.drain(tx, "s1"), ME)
        node = await held(store, "s1")
        assert (node.role, node.drained, node.number) == ("shield", ME.at, 1)


async def test_joining_and_renewing(open_store) -> None:
    heard = []
    async with open_store() as store:
        store.on_change("nodes", lambda: heard.append(store.desired.revision))
        await store.transact(lambda tx: nodes.enrol(tx, "e1", "shield", "eu", 99.0), ME)
        await store.save(lambda c: nodes.record_renewal(c, "e1", 199.0), ["nodes"])
        assert await held(store) == Node("e1", "shield", "eu", enrolled=ME.at, certificate_ends=199.0, number=1)
        assert heard[:2] == [1, 1]


async def test_a_group_lends_what_its_nodes_do_not_say_and_goes_when_it_is_empty(open_store) -> None:
    async with open_store() as store:
        node = parse_node("e1", {"group": "frankfurt"})
        with pytest.raises(NotFound, match="no group frankfurt"):
            await store.transact(lambda tx: nodes.put_node(tx, node), ME)
        group = parse_group("frankfurt", {"region": "eu", "pop": "fra"})
        for _ in range(2):
            await store.transact(lambda tx: nodes.put_group(tx, group), ME)
        await store.transact(lambda tx: nodes.put_node(tx, node), ME)
        assert store.desired.revision == 2
        with pytest.raises(ValueError, match="has nodes, e1 is one"):
            await store.transact(lambda tx: nodes.remove_group(tx, "frankfurt"), ME)
        await store.transact(lambda tx: nodes.remove_node(tx, "e1"), ME)
        await store.transact(lambda tx: nodes.remove_group(tx, "frankfurt"), ME)
        with pytest.raises(NotFound):
            await store.transact(lambda tx: nodes.remove_group(tx, "frankfurt"), ME)


async def test_their_number_has_a_bound(open_store, monkeypatch) -> None:
    monkeypatch.setattr(nodes, "MAX_NODES", 1)
    async with open_store() as store:
        await store.transact(lambda tx: nodes.put_node(tx, Node("e1")), ME)
        await store.transact(lambda tx: nodes.put_node(tx, Node("e1", region="eu")), ME)
        with pytest.raises(ValueError, match="there are 1 nodes already"):
            await store.transact(lambda tx: nodes.put_node(tx, Node("e2")), ME)


def test_whose_word_counts() -> None:
    hello = Hello("e1", "edge", "said", pop="said", capacity=1)
    assert effective_node(hello, {}, {}) == Node("e1", "edge", "said", "said", capacity=1)
    node, group = Node("e1", "shield", group="g", capacity=3), Group("g", region="group", capacity=2)
    known = effective_node(hello, {"e1": node}, {"g": group})
    assert (known.role, known.region, known.pop, known.capacity) == ("shield", "group", "said", 3)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("e 1", {}, "id: "),
        ("e1", [], "object"),
        ("e1", {"role": "king"}, "role: "),
        ("e1", {"region": 5}, "region: "),
        ("e1", {"pop": "x" * 65}, "pop: "),
        ("e1", {"group": "a\nb"}, "group: "),
        ("e1", {"capacity": -1}, "capacity: "),
        ("e1", {"capacity": True}, "capacity: "),
        ("e1", {"colour": 1}, "colour"),
    ],
)
def test_what_is_wrong_with_a_node_is_named(name: str, value: object, told: str) -> None:
    with pytest.raises(BadDocument, match=told):
        parse_node(name, value)


@pytest.mark.parametrize(("name", "value"), [("g g", {}), ("g", {"role": "king"}), ("g", {"group": "h"})])
def test_what_is_wrong_with_a_group_is_named(name: str, value: object) -> None:
    with pytest.raises(BadDocument):
        parse_group(name, value)
