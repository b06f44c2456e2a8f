"""Read the desired state from its tables, whole or incrementally, and delete old rows."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from control.db.schema import cursors, details, facts, heads, leases, resources, revisions, shared, tokens
from control.db.transaction import REVISION, upsert
from control.desired.persistent_map import PersistentMap
from control.desired.resources import MAX_LOG, RESOURCE_TYPES, Desired, ResourceSet
from kernel.fleet.messages import Resource

MAX_DETAILS = 5_000
DETAILS_SECONDS = 180 * 86_400.0
MAX_REVISIONS = 100_000
TOKENS_SECONDS = 30 * 86_400.0
SHARED_SECONDS = 3_600.0
_OVER_A_DAY = 86_400.0


class StoredState(NamedTuple):
    """A snapshot: the desired state, the cursors, and the head (latest number) of each kind."""

    desired: Desired
    cursors: Mapping[str, int]
    heads: Mapping[str, int]


def floor_of(kind: str) -> str:
    """The name of the fact that holds the revision up to which removals of a type have been deleted."""
    return f"floor-{kind}"


async def read_state(connection: AsyncConnection, held: StoredState | None = None) -> StoredState:
    """Read the current state in a snapshot transaction; only what is newer than `held`, if possible."""
    counted = {row.kind: row.number for row in await connection.execute(select(heads))}
    if held is not None and counted == held.heads:
        known = (await connection.execute(select(facts.c.value).where(facts.c.name == "epoch"))).scalar_one()
        if known == held.desired.epoch:
            return held
    known = {row.name: row.value for row in await connection.execute(select(facts))}
    positions = {row.source: row.position for row in await connection.execute(select(cursors))}
    floors = {kind: int(known.get(floor_of(kind), 0)) for kind in RESOURCE_TYPES}
    if held is not None and _follows(held.desired, known["epoch"], counted[REVISION], floors):
        desired = await _read_newer(connection, held.desired, counted[REVISION])
    else:
        sets = {kind: await read_resource_set(connection, kind, floors[kind]) for kind in RESOURCE_TYPES}
        desired = Desired(known["epoch"], counted[REVISION], MappingProxyType(sets))
    return StoredState(desired, positions, counted)


def _follows(desired: Desired, epoch: str, revision: int, floors: Mapping[str, int]) -> bool:
    """Whether the database continues the same history, with all removals since still known."""
    return (
        desired.epoch == epoch
        and desired.revision <= revision
        and all(floor <= desired.revision for floor in floors.values())
    )


async def _read_newer(connection: AsyncConnection, desired: Desired, revision: int) -> Desired:
    touches: dict[str, list[tuple[int, str, bytes | None]]] = {}
    if revision > desired.revision:
        newer = (resources.c.type.in_(RESOURCE_TYPES)) & (resources.c.number > desired.revision)
        for row in await connection.execute(select(resources).where(newer)):
            touches.setdefault(row.type, []).append((row.number, row.name, row.content))
    sets = {kind: desired.resource_set(kind).with_touches(touches.get(kind, ())) for kind in RESOURCE_TYPES}
    return Desired(desired.epoch, revision, MappingProxyType(sets))


async def read_resource_set(connection: AsyncConnection, kind: str, floor: int) -> ResourceSet:
    """A type's resources, with the changes after `floor` that are still known."""
    query = select(resources).where(resources.c.type == kind).order_by(resources.c.number, resources.c.name)
    rows = (await connection.execute(query)).all()
    held = {row.name: Resource(row.name, row.number, row.content) for row in rows if row.content is not None}
    log = tuple((row.number, row.name) for row in rows)
    dropped, kept = log[:-MAX_LOG], log[-MAX_LOG:]
    number = max(floor, log[-1][0] if log else 0)
    return ResourceSet(
        number, PersistentMap[Resource]().updated(held), kept, max(floor, dropped[-1][0] if dropped else 0)
    )


async def delete_removals(connection: AsyncConnection, kept: int = MAX_LOG) -> None:
    """Delete all but the latest `kept` removals of each type; edges further behind get a snapshot."""
    for kind in RESOURCE_TYPES:
        removed = (resources.c.type == kind) & resources.c.content.is_(None)
        newest_first = select(resources.c.number).where(removed).order_by(resources.c.number.desc())
        last = (await connection.execute(newest_first.offset(kept).limit(1))).scalar()
        if last is None:
            continue
        await connection.execute(delete(resources).where(removed & (resources.c.number <= last)))
        await upsert(connection, facts, [{"name": floor_of(kind), "value": str(last)}])


async def delete_old(connection: AsyncConnection, now: float) -> None:
    """Delete old rows: details of revisions, expired tokens, notes of replicas, leases."""
    last = (await connection.execute(select(func.max(revisions.c.number)))).scalar() or 0
    old = (details.c.number <= last - MAX_DETAILS) | (details.c.at < now - DETAILS_SECONDS)
    await connection.execute(delete(details).where(old))
    await connection.execute(delete(revisions).where(revisions.c.number <= last - MAX_REVISIONS))
    await connection.execute(delete(tokens).where(tokens.c.expires < now - TOKENS_SECONDS))
    await connection.execute(delete(shared).where(shared.c.at < now - SHARED_SECONDS))
    await connection.execute(delete(leases).where(leases.c.until < now - _OVER_A_DAY))
