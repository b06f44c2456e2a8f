"""What replicas of control tell one another: each its own notes, and leases on what only one of them is to do.

Over SQLite there is one replica: its notes are its own, and every lease is its.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from control.db import schema
from control.db.store import Store
from control.db.transaction import insert_into, upsert

MAX_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class ReplicaNote:
    """What a replica says under a name, and since when (Unix seconds, its clock)."""

    replica: str
    at: float
    content: bytes


async def publish_note(store: Store, name: str, content: bytes, now: float) -> None:
    """Tell the other replicas, in place of what was told under this name before. Raises ValueError, StorageFailed.

    They hear of it by `store.on_change("shared", ...)`.
    """
    if len(content) > MAX_BYTES:
        raise ValueError(f"{name}: more than {MAX_BYTES >> 20} MiB for other replicas")
    row = {"replica": store.replica, "name": name, "at": now, "content": content}

    async def work(connection: AsyncConnection) -> None:
        await upsert(connection, schema.shared, [row])

    await store.save(work, ["shared"])


async def read_notes(store: Store, name: str, now: float, *, younger: float = 10.0) -> tuple[ReplicaNote, ...]:
    """What the other replicas said under this name in the last seconds. Raises StorageFailed."""
    table = schema.shared
    query = select(table.c.replica, table.c.at, table.c.content).where(
        (table.c.name == name) & (table.c.replica != store.replica) & (table.c.at > now - younger)
    )
    return tuple(ReplicaNote(**row) for row in await store.read(query.order_by(table.c.replica)))


async def take_lease(store: Store, name: str, seconds: float, now: float) -> bool:
    """Whether this replica is the one to do what `name` names, for so many seconds from `now`; ask again to go on.

    Raises StorageFailed: then nobody knows, and what only one is to do is left undone.
    """
    if store.database.listen is None:
        return True
    row = {"name": name, "holder": store.replica, "until": now + seconds}

    async def work(connection: AsyncConnection) -> bool:
        statement = insert_into(connection, schema.leases).values(row)
        held = schema.leases.c
        taken = statement.on_conflict_do_update(
            index_elements=["name"],
            set_={"holder": store.replica, "until": now + seconds},
            where=(held.holder == store.replica) | (held.until < now),
        )
        return bool((await connection.execute(taken.returning(held.holder))).scalar())

    return bool(await store.save(work))


async def leases(store: Store) -> list[dict[str, Any]]:
    """Who holds what until when."""
    return await store.read(select(schema.leases).order_by(schema.leases.c.name))
