"""Revisions are told from what to what, compared, and taken back."""

from __future__ import annotations

import pytest
from sqlalchemy import delete

import control.fleet.history
from control.db import schema
from control.db.store import Author, Store
from control.desired import changes
from control.desired.resources import Change
from control.desired.revision_diff import ResourceChange
from control.fleet import nodes
from control.fleet.history import (
    RevisionUnknown,
    RollbackConflict,
    changes_between,
    prepare_rollback,
    read_revision,
    revision_json,
)
from kernel.fleet.messages import KEYS, RULES, SETTINGS

ME = Author("operator", 1_800_000_000.0, "because")
OPEN = b'{"allow":null}'


def title(name: str, **licence):
    return lambda desired: changes.put_titles(desired, {name: licence})


async def take_back(store: Store, number: int) -> int | None:
    return await store.transact(await prepare_rollback(store, number), ME)


async def test_one_revision_from_what_to_what(open_store) -> None:
    async with open_store() as store:
        await store.commit(title("a", allow=["DE"]), ME)
        await store.commit(title("a", allow=["DE", "FR"]), ME)
        told = revision_json(await read_revision(store, 2))
        assert (told["revision"], told["author"], told["reason"]) == (2, "operator", "because")
        assert told["at"] == "2027-01-15T08:00:00+00:00"
        (change,) = told["changes"]
        assert (change["kind"], change["name"]) == ("rules", "title/a")
        assert (change["before"]["allow"], change["after"]["allow"]) == (["DE"], ["DE", "FR"])
        with pytest.raises(RevisionUnknown, match="no revision 3"):
            await read_revision(store, 3)


async def test_what_changed_between_two_revisions_each_thing_once(open_store) -> None:
    async with open_store() as store:
        await store.commit(title("a"), ME)
        await store.commit(title("b"), ME)
        await store.commit(title("a", allow=["DE"]), ME)
        await store.commit(lambda d: changes.put_titles(d, {}, ["b"]), ME)
        (only,) = await changes_between(store, 1, 4)
        assert (only.name, only.before) == ("title/a", OPEN)
        assert {touch.name for touch in await changes_between(store, 0, 2)} == {"title/a", "title/b"}
        assert await changes_between(store, 4, 4) == ()
        for older, newer in ((3, 2), (-1, 2), (0, 5_000)):
            with pytest.raises(ValueError, match="revision"):
                await changes_between(store, older, newer)
        with pytest.raises(RevisionUnknown, match="no revision 9"):
            await changes_between(store, 2, 9)


async def test_a_revision_is_taken_back_as_a_new_one(open_store) -> None:
    async with open_store() as store:
        await store.commit(title("a", allow=["DE"]), ME)
        before = store.desired.content(RULES, "title/a")
        await store.commit(lambda d: changes.put_titles(d, {"a": {}, "b": {}}), ME)
        assert await take_back(store, 2) == 3
        assert store.desired.content(RULES, "title/a") == before
        assert store.desired.content(RULES, "title/b") is None
        assert await take_back(store, 3) == 4
        assert store.desired.content(RULES, "title/b") == OPEN
        with pytest.raises(RollbackConflict, match="rules title/a has been changed since"):
            await take_back(store, 1)


async def test_nodes_and_groups_are_taken_back_too(open_store) -> None:
    async with open_store() as store:

        async def both(tx) -> None:
            await nodes.put_group(tx, nodes.Group("g", region="eu"))
            await nodes.put_node(tx, nodes.Node("e1", group="g"))

        await store.transact(both, ME)
        await store.transact(lambda tx: nodes.drain(tx, "e1"), ME)
        assert await take_back(store, 2) == 3
        (node,) = await store.read(schema.nodes.select())
        assert (node["drained"], node["group"]) == (None, "g")
        assert await take_back(store, 3) == 4
        (node,) = await store.read(schema.nodes.select())
        assert node["drained"] == ME.at
        await take_back(store, 4)
        assert await take_back(store, 1) == 6
        assert not await store.read(schema.nodes.select())
        assert not await store.read(schema.groups.select())
        assert await take_back(store, 6) == 7
        assert {touch[:2] for touch in await changes_between(store, 6, 7)} == {("node", "e1"), ("group", "g")}


async def test_what_is_forgotten_or_goes_another_way_is_not_taken_back(open_store, monkeypatch) -> None:
    async with open_store() as store:
        await store.commit(title("a"), ME)
        await store.commit(lambda _: Change({(SETTINGS, "all"): b"{}"}), ME)
        await store.commit(lambda _: Change({(KEYS, "k"): b"{}"}), ME)
        with pytest.raises(ValueError, match="changed settings, which cannot be rolled back"):
            await prepare_rollback(store, 2)
        await store.save(lambda c: c.execute(delete(schema.details).where(schema.details.c.number == 1)))
        assert (await read_revision(store, 1)).touches is None
        assert revision_json(await read_revision(store, 1))["changes"] is None
        for asked in (prepare_rollback(store, 1), changes_between(store, 0, 3)):
            with pytest.raises(RevisionUnknown, match="details of revision 1 have been deleted"):
                await asked
        assert await changes_between(store, 2, 3) == (ResourceChange(KEYS, "k", None, b"{}"),)
        monkeypatch.setattr(control.fleet.history, "MAX_COMPARED", 1)
        with pytest.raises(ValueError, match="at most 1"):
            await changes_between(store, 0, 2)
