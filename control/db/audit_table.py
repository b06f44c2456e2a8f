"""The audit log in control's database: appends rows in the transaction of the change they record, and prunes old ones.

Statements only. They run under the lock of all changes, so replicas append one after another.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from control.audit.chain import GENESIS_HASH, Keyring, Verifier, is_sealed, row_of, sealed
from control.audit.entry import Action, AuditEntry, Author, PendingRow
from control.db.schema import audit, audit_head

PAGE = 1_000
"""Rows read, and held in memory, at a time."""
_CONTROL = "control"


async def append(connection: AsyncConnection, entries: Sequence[PendingRow], keyring: Keyring, here: str) -> None:
    """Append rows for these entries and move the head. `here` names this replica."""
    at = entries[0].author.at
    head = await read_head(connection)
    opening: list[PendingRow] = []
    if head is None:
        head, entry = await _new_head(connection, keyring, at)
        opening.append(entry)
    elif not is_sealed(head, keyring):
        known = head["key"] in keyring.keys
        why = "was not as it had been written" if known else f"was sealed under the key {head['key']}, which is lost"
        head, entry = await _resume_after_last(connection, at, f"the head of the log {why}")
        opening.append(entry)
    elif (await _last(connection))["seq"] > head["last"]:
        why = f"rows after row {head['last']} had been put in"
        head, entry = await _resume_after_last(connection, at, why)
        opening.append(entry)
    await _write(connection, head, [*opening, *entries], keyring, here)


async def _write(
    connection: AsyncConnection, head: Mapping[str, Any], entries: Sequence[PendingRow], keyring: Keyring, here: str
) -> None:
    rows, seq, previous = [], head["last"], head["hash"]
    for entry in entries:
        seq += 1
        rows.append(row_of(entry, seq, previous, keyring, here))
        previous = rows[-1]["hash"]
    await connection.execute(audit.insert(), rows)
    await put_head(connection, {**head, "last": seq, "hash": previous}, keyring)


async def read_head(connection: AsyncConnection) -> dict[str, Any] | None:
    """The head in the database; None if there is none."""
    row = (await connection.execute(select(audit_head).where(audit_head.c.name == "head"))).mappings().first()
    return dict(row) if row else None


async def put_head(connection: AsyncConnection, head: Mapping[str, Any], keyring: Keyring) -> None:
    """Seal a head and store it."""
    made = sealed(head, keyring)
    done = await connection.execute(audit_head.update().where(audit_head.c.name == "head").values(**made))
    if not done.rowcount:
        await connection.execute(audit_head.insert().values(**made))


async def _new_head(connection: AsyncConnection, keyring: Keyring, at: float) -> tuple[dict[str, Any], PendingRow]:
    """A head for a log without one, and the entry that says why: new, from an earlier release, or lost."""
    rows = (await connection.execute(select(func.count()).select_from(audit))).scalar_one()
    keyed = (await connection.execute(select(audit.c.seq).where(audit.c.key != "").limit(1))).scalar()
    if not rows:
        begin = PendingRow(Author(_CONTROL, at, "the log is started"), AuditEntry(Action.AUDIT_BEGIN, "audit"))
        return {"first": 1, "previous": GENESIS_HASH, "last": 0, "hash": GENESIS_HASH}, begin
    if keyed is not None:
        return await _resume_after_last(connection, at, "the head of the log was missing")
    verifier = Verifier(keyring, None)
    async for page in pages(connection):
        verifier.add_rows(page)
    last = await _last(connection)
    found = {"rows": rows, "first": verifier.first, "last": last["seq"], "hash": last["hash"]}
    if verifier.breaks:
        why = f"row {verifier.breaks[0].seq}: {verifier.breaks[0].why}, when rows of an earlier release were adopted"
        broken = PendingRow(Author(_CONTROL, at, why), AuditEntry(Action.AUDIT_BROKEN, "audit", None, found))
        return _head_of(verifier.first, last), broken
    why = "rows of an earlier release, hashed without a key; from here on each row is sealed"
    return _head_of(verifier.first, last), PendingRow(
        Author(_CONTROL, at, why), AuditEntry(Action.AUDIT_ADOPT, "audit", None, found)
    )


async def _resume_after_last(connection: AsyncConnection, at: float, why: str) -> tuple[dict[str, Any], PendingRow]:
    """Continue after the last row left, with an entry that records the damage: changes must not stop."""
    first = (await connection.execute(select(func.min(audit.c.seq)))).scalar() or 1
    last = await _last(connection)
    return _head_of(first, last), PendingRow(Author(_CONTROL, at, why), AuditEntry(Action.AUDIT_BROKEN, "audit"))


def _head_of(first: int, last: Mapping[str, Any]) -> dict[str, Any]:
    return {"first": min(first, 1), "previous": GENESIS_HASH, "last": last["seq"], "hash": last["hash"]}


async def _last(connection: AsyncConnection) -> Mapping[str, Any]:
    query = select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)
    row = (await connection.execute(query)).mappings().first()
    return dict(row) if row else {"seq": 0, "hash": GENESIS_HASH}


async def pages(connection: AsyncConnection, after: int = 0) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
    """All rows after a number, in order, page by page."""
    while True:
        query = select(audit).where(audit.c.seq > after).order_by(audit.c.seq).limit(PAGE)
        rows = [dict(row) for row in (await connection.execute(query)).mappings()]
        if not rows:
            return
        yield rows
        after = rows[-1]["seq"]


async def prune(connection: AsyncConnection, keyring: Keyring, older: float) -> dict[str, Any] | None:
    """Delete the rows older than a moment, except the last; returns what was deleted, or None."""
    head = await read_head(connection)
    if head is None or not is_sealed(head, keyring):
        return None
    newer = select(func.min(audit.c.seq)).where((audit.c.at >= older) & (audit.c.seq >= head["first"]))
    first = min((await connection.execute(newer)).scalar() or head["last"], head["last"])
    if first <= head["first"]:
        return None
    before = (await connection.execute(select(audit.c.hash).where(audit.c.seq == first - 1))).scalar()
    if before is None:  # a row is missing: delete nothing from a broken log
        return None
    await connection.execute(delete(audit).where(audit.c.seq < first))
    await put_head(connection, {**head, "first": first, "previous": before}, keyring)
    return {"first": head["first"], "last": first - 1, "hash": before}
