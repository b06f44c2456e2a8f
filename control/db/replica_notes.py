"""Share between replicas of control: notes that each publishes, and leases on work that only one may do.

With SQLite there is one replica, which holds every lease.
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
    """A replica's note under a name, and when it was written (Unix seconds of its clock)."""

    replica: str
    at: float
    content: bytes


async def publish_note(store: Store, name: str, content: bytes, now: float) -> None:
    """Replace this replica's note under a name. Raises ValueError, StorageFailed.

    Other replicas learn of it by `store.on_change("shared", ...)`.
    """
    if len(content) > MAX_BYTES:
        raise ValueError(f"{name}: more than {MAX_BYTES >> 20} MiB for other replicas")
    row = {"replica": store.replica, "name": name, "at": now, "content": content}

    async def work(connection: AsyncConnection) -> None:
        await upsert(connection, schema.shared, [row])

    await store.save(work, ["shared"])


async def read_notes(store: Store, name: str, now: float, *, younger: float = 10.0) -> tuple[ReplicaNote, ...]:
    """The other replicas' notes under a name from the last `younger` seconds. Raises StorageFailed."""
    table = schema.shared
    query = select(table.c.replica, table.c.at, table.c.content).where(
        (table.c.name == name) & (table.c.replica != store.replica) & (table.c.at > now - younger)
    )
    return tuple(ReplicaNote(**row) for row in await store.read(query.order_by(table.c.replica)))


async def take_lease(store: Store, name: str, seconds: float, now: float) -> bool:
    """Take or extend a lease for `seconds` from `now`; whether this replica holds it. Repeat to keep it.

    Raises StorageFailed; then the work must not be done, since another replica may hold the lease.
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
    """All leases, with holder and end."""
    return await store.read(select(schema.leases).order_by(schema.leases.c.name))
