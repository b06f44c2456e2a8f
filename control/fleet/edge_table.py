"""Edges as rows that replicas of control share: applied versions, the replica each is connected to, its last report.

An edge counts as connected until its lease ends, which each of its messages extends. So the edges of a replica that
died soon count as disconnected.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from control.audit.entry import storable_text
from control.db.schema import edges
from control.db.transaction import insert_into
from control.fleet.session import Edge
from kernel.clock import Instant
from kernel.fleet.messages import Hello, Report, Version

LEASE_SECONDS = 20.0
"""Seconds for which an edge counts as connected after its last message."""
_MAX_INTEGER = 2**63 - 1
_BY_TYPE = ("acked", "applied", "errors")


def edge_row(edge: Edge, replica: str, now: float) -> dict[str, Any]:
    """An edge as a row; `now` in Unix seconds."""
    hello = edge.hello
    versions = {name: getattr(edge, name) for name in _BY_TYPE}
    report = {} if edge.report is None else asdict(replace(edge.report, popular=(), prefetched=()))
    return {
        "id": hello.id,
        "role": hello.role,
        "region": storable_text(hello.region, 64),
        "pop": storable_text(hello.pop, 64),
        "address": storable_text(hello.address, 300),
        "admin": storable_text(hello.admin, 300),
        "capacity": min(hello.capacity, _MAX_INTEGER),
        "release": storable_text(hello.release, 64),
        "last_seen": edge.last_seen,
        "versions": json.dumps(versions | {"refused": edge.refused, "mark": hello.mark}),
        "replica": replica,
        "lease": now + LEASE_SECONDS if edge.connected else 0.0,
        "summary": json.dumps(report),
    }


def edge_from_row(row: Mapping[str, Any], now: Instant) -> Edge:
    """The edge of a row that another replica, or this one before its start, has stored."""
    versions, report = json.loads(row["versions"]), json.loads(row["summary"])
    hello = Hello(
        row["id"], row["role"], row["region"], row["address"], row["admin"],
        pop=row["pop"], capacity=row["capacity"], release=row["release"],
        mark=Version(*versions.get("mark", ("", 0))),
    )  # fmt: skip
    edge = Edge(hello, row["last_seen"], connected=row["lease"] > now.wall)
    for name in _BY_TYPE:
        setattr(edge, name, versions.get(name, {}))
    edge.refused = {kind: Version(*version) for kind, version in versions.get("refused", {}).items()}
    edge.since = edge.reported_at = now.mono - max(0.0, now.wall - row["last_seen"])
    if report:
        edge.report = Report(**report | {"popular": (), "prefetched": ()})
    return edge


async def save_edge_rows(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert or replace rows of edges. A disconnected edge does not overwrite the row of the replica it moved to."""
    for here in (True, False):
        some = sorted((row for row in rows if (row["lease"] > 0) is here), key=lambda row: str(row["id"]))
        if some:
            await _upsert(connection, some, unless_elsewhere=not here)


async def _upsert(connection: AsyncConnection, rows: Iterable[Mapping[str, Any]], *, unless_elsewhere: bool) -> None:
    listed = list(rows)
    statement = insert_into(connection, edges)
    new = statement.excluded
    ours = (edges.c.replica == new.replica) | (edges.c.lease < new.last_seen)
    changed = {name: new[name] for name in listed[0] if name != "id"}
    await connection.execute(
        statement.on_conflict_do_update(index_elements=["id"], set_=changed, where=ours if unless_elsewhere else None),
        listed,
    )
