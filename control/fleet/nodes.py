"""Nodes and groups of nodes as operators describe them: region, PoP, role, capacity, drained or not.

The operations run within a transaction (`store.transact(lambda tx: drain(tx, "e5"), author)`); each makes a revision. A
node's own hello fills in what operators leave open (`effective_node`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Table, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from control.db import schema
from control.db.transaction import Tx, upsert
from control.desired.changes import NotFound, canonical
from kernel.documents import BadDocument, load_json, parse_object
from kernel.fleet.messages import NODE_ID, Hello
from kernel.settings.table import parse_address

ROLES = ("edge", "shield", "control", "service")
MAX_NODES = 20_000
MAX_GROUPS = 1_000
MAX_WORD_LENGTH = 64
_MAX_CAPACITY = 2**63 - 1
DEFAULT_CAPACITY = 10**9
"""Bits per second assumed for a node whose capacity is unknown."""
NODE, GROUP = "node", "group"
"""Kinds of changes in a revision."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node; "" and 0 mean unset. `capacity` in bits per second; `drained`: since when, None while it serves."""

    id: str
    role: str = "edge"
    region: str = ""
    pop: str = ""
    group: str = ""
    capacity: int = 0
    drained: float | None = None
    enrolled: float | None = None
    certificate_ends: float | None = None
    number: int = 0
    address: str = ""
    """Where viewers reach it, HOST:PORT."""


@dataclass(frozen=True, slots=True)
class Group:
    """A set of nodes; its values apply to nodes for which they are unset."""

    name: str
    role: str = ""
    region: str = ""
    pop: str = ""
    capacity: int = 0
    number: int = 0


async def read_nodes(connection: AsyncConnection) -> dict[str, Node]:
    """All nodes by id."""
    return {row["id"]: Node(**row) for row in (await connection.execute(select(schema.nodes))).mappings()}


async def read_groups(connection: AsyncConnection) -> dict[str, Group]:
    """All groups by name."""
    return {row["name"]: Group(**row) for row in (await connection.execute(select(schema.groups))).mappings()}


async def all_operator_json(connection: AsyncConnection) -> dict[tuple[str, str], bytes]:
    """What operators set for every node and group, by kind and name, as canonical JSON."""
    nodes, groups = await read_nodes(connection), await read_groups(connection)
    found = {(NODE, name): canonical(operator_json(node)) for name, node in nodes.items()}
    return found | {(GROUP, name): canonical(operator_json(group)) for name, group in groups.items()}


def effective_node(
    hello: Hello, nodes: Mapping[str, Node], groups: Mapping[str, Group], *, trusts_hello: bool = True
) -> Node:
    """A node's properties: each as an operator set it, otherwise as its group has it, otherwise as its hello says.

    Unless `trusts_hello`, the capacity that a node claims counts for at most DEFAULT_CAPACITY.
    """
    node = nodes.get(hello.id) or Node(hello.id, "")
    group = groups.get(node.group) or Group("")
    claimed = hello.capacity if trusts_hello else min(hello.capacity, DEFAULT_CAPACITY)
    return replace(
        node,
        role=node.role or group.role or hello.role,
        region=node.region or group.region or hello.region,
        pop=node.pop or group.pop or hello.pop,
        capacity=node.capacity or group.capacity or claimed,
        address=node.address or hello.address,
    )


def parse_node(node_id: str, value: object) -> Node:
    """Parse a node: `{"role", "region", "pop", "group", "capacity", "address"}`. Raises BadDocument."""
    if not NODE_ID.fullmatch(node_id):
        raise BadDocument("id", f"{node_id[:80]!r} cannot be a node's id")
    members = parse_object(value, "", ("role", "region", "pop", "group", "capacity", "address"))
    role = members.get("role", "edge")
    if role not in ROLES:
        raise BadDocument("role", f"must be one of {', '.join(ROLES)}")
    region, pop, group = (_word(members, name) for name in ("region", "pop", "group"))
    return Node(node_id, role, region, pop, group, _capacity(members), address=_address(members))


def parse_group(name: str, value: object) -> Group:
    """Parse a group from its JSON form `{"role", "region", "pop", "capacity"}`. Raises BadDocument."""
    if not NODE_ID.fullmatch(name):
        raise BadDocument("name", f"{name[:80]!r} cannot be a group's name")
    members = parse_object(value, "", ("role", "region", "pop", "capacity"))
    role = members.get("role", "")
    if role not in ("", *ROLES):
        raise BadDocument("role", f"must be one of {', '.join(ROLES)}")
    return Group(name, role, _word(members, "region"), _word(members, "pop"), _capacity(members))


async def put_node(tx: Tx, node: Node) -> Node:
    """Add or replace a node's properties; its drain and its certificate stay. Raises NotFound for its group."""
    before = await _node(tx, node.id)
    if node.group and await _row(tx.connection, schema.groups, node.group) is None:
        raise NotFound(f"there is no group {node.group}")
    kept = before or Node(node.id)
    return await _save(
        tx, before,
        replace(node, drained=kept.drained, enrolled=kept.enrolled, certificate_ends=kept.certificate_ends),
    )  # fmt: skip


async def drain(tx: Tx, node_id: str) -> Node:
    """Stop sending viewers to a node. Raises NotFound if it has never been seen."""
    before = await _existing(tx, node_id)
    return await _save(tx, before, before if before.drained is not None else replace(before, drained=tx.author.at))


async def undrain(tx: Tx, node_id: str) -> Node:
    """Resume sending viewers to a node. Raises NotFound."""
    before = await _existing(tx, node_id)
    return await _save(tx, before, replace(before, drained=None))


async def enrol(tx: Tx, node_id: str, role: str, region: str, ends: float) -> Node:
    """Record that a node joined, with a certificate that expires at `ends` (Unix seconds)."""
    before = await _node(tx, node_id)
    joined = replace(before or Node(node_id, region=region), role=role, enrolled=tx.author.at, certificate_ends=ends)
    return await _save(tx, before, joined)


async def record_renewal(connection: AsyncConnection, node_id: str, ends: float) -> None:
    """Record a node's new certificate. No revision: call it by `store.save`, announcing `nodes`."""
    await connection.execute(update(schema.nodes).where(schema.nodes.c.id == node_id).values(certificate_ends=ends))


async def remove_node(tx: Tx, node_id: str) -> None:
    """Remove a node and the record that it was seen. Raises NotFound."""
    before = await _existing(tx, node_id)
    await tx.connection.execute(delete(schema.nodes).where(schema.nodes.c.id == node_id))
    await tx.connection.execute(delete(schema.edges).where(schema.edges.c.id == node_id))
    _record_change(tx, NODE, node_id, before, None)


async def put_group(tx: Tx, group: Group) -> Group:
    """Add or replace a group."""
    found = await _row(tx.connection, schema.groups, group.name)
    before = Group(**found) if found else None
    if before is None:
        await _check_room(tx.connection, schema.groups, MAX_GROUPS)
    if before == replace(group, number=before.number if before else 0):
        return group
    made = replace(group, number=tx.number)
    await upsert(tx.connection, schema.groups, [asdict(made)])
    _record_change(tx, GROUP, group.name, before, made)
    return made


async def remove_group(tx: Tx, name: str) -> None:
    """Remove an empty group. Raises NotFound, ValueError."""
    found = await _row(tx.connection, schema.groups, name)
    if found is None:
        raise NotFound(f"there is no group {name}")
    within = select(schema.nodes.c.id).where(schema.nodes.c.group == name).limit(1)
    member = (await tx.connection.execute(within)).scalar()
    if member is not None:
        raise ValueError(f"group {name} has nodes, {member} is one")
    await tx.connection.execute(delete(schema.groups).where(schema.groups.c.name == name))
    _record_change(tx, GROUP, name, Group(**found), None)


async def restore(tx: Tx, kind: str, name: str, content: bytes | None) -> None:
    """Restore a node or group to earlier content (`control.fleet.history`); None removes it."""
    if content is None:
        await (remove_node(tx, name) if kind == NODE else remove_group(tx, name))
        return
    value: dict[str, Any] = load_json(content)  # type: ignore[assignment]  # written by _note
    if kind == GROUP:
        await put_group(tx, parse_group(name, value))
        return
    drained = value.pop("drained", None)
    node = await put_node(tx, parse_node(name, value))
    await _save(tx, node, replace(node, drained=drained))


async def _save(tx: Tx, before: Node | None, after: Node) -> Node:
    if before is not None and before == replace(after, number=before.number) and before.number:
        return before
    if before is None or not before.number:
        await _check_room(tx.connection, schema.nodes, MAX_NODES)
    made = replace(after, number=tx.number)
    await upsert(tx.connection, schema.nodes, [asdict(made)])
    _record_change(tx, NODE, made.id, before, made)
    return made


def _record_change(tx: Tx, kind: str, name: str, before: Node | Group | None, after: Node | Group | None) -> None:
    contents = [None if one is None or not one.number else canonical(operator_json(one)) for one in (before, after)]
    tx.touch(kind, name, *contents)
    tx.announce(f"{kind}s")


def operator_json(one: Node | Group) -> dict[str, Any]:
    """The JSON form of what operators set for a node or group."""
    left_out = ("id", "name", "number", "enrolled", "certificate_ends")
    return {name: value for name, value in asdict(one).items() if name not in left_out}


async def _node(tx: Tx, node_id: str) -> Node | None:
    found = await _row(tx.connection, schema.nodes, node_id)
    return Node(**found) if found else None


async def _existing(tx: Tx, node_id: str) -> Node:
    """A node that operators described, or one that was only seen, with number 0. Raises NotFound."""
    node = await _node(tx, node_id)
    if node is not None:
        return node
    edge = await _row(tx.connection, schema.edges, node_id)
    if edge is None:
        raise NotFound(f"there is no node {node_id[:80]}")
    return Node(node_id, edge["role"])


async def _row(connection: AsyncConnection, table: Table, name: str) -> dict[str, Any] | None:
    (key,) = table.primary_key.columns
    row = (await connection.execute(select(table).where(key == name))).mappings().first()
    return dict(row) if row else None


async def _check_room(connection: AsyncConnection, table: Table, most: int) -> None:
    (key,) = table.primary_key.columns
    if len((await connection.execute(select(key).limit(most))).all()) >= most:
        raise ValueError(f"there are {most} {table.name} already")


def _word(members: Mapping[str, Any], name: str) -> str:
    value = members.get(name, "")
    if not isinstance(value, str) or len(value) > MAX_WORD_LENGTH or not value.isprintable():
        raise BadDocument(name, f"must be at most {MAX_WORD_LENGTH} printable characters")
    return value


def _address(members: Mapping[str, Any]) -> str:
    value = members.get("address", "")
    try:
        return str(parse_address(value)) if value else ""
    except (ValueError, TypeError):
        raise BadDocument("address", "must be HOST:PORT, where viewers reach the node") from None


def _capacity(members: Mapping[str, Any]) -> int:
    value = members.get("capacity", 0)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MAX_CAPACITY:
        raise BadDocument("capacity", "must be a number of bits per second")
    return value
