"""One transaction of the writer: the queued changes, each applied by itself, all committed or none.

It starts by locking the row `revision` of `heads`, which replicas do in turn, and by reading what other replicas have
changed since. So every change applies to the newest state and takes the next revision. Every change gets a row in the
audit log here, whether its work adds an entry or not, so no operation can forget it.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Table, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from control.audit.chain import NO_KEY, Keyring
from control.audit.entry import AuditEntry, Author, PendingRow, audited_change, storable_text
from control.db.audit_table import append
from control.db.schema import cursors, details, heads, resources, revisions
from control.desired.resources import Change, Desired
from control.desired.revision_diff import ResourceChange, pack, summary

REVISION = "revision"
MAX_NAME_LENGTH = 512
_LOG = "log/"


class Cursor(NamedTuple):
    """The position in a source's change log once a change is made; `more`: further changes of that position follow."""

    source: str
    position: int
    more: bool = False


class Committed(NamedTuple):
    """The revision that contains a change, and the cursor stored for its source."""

    revision: int
    cursor: int


class Tx:
    """The part of a transaction given to one work function, which must await nothing but `connection`."""

    def __init__(self, connection: AsyncConnection, desired: Desired, author: Author) -> None:
        self.connection = connection
        self.author = author
        self.desired = desired
        self.touches: list[ResourceChange] = []
        self.announced: set[str] = set()
        self._audit_entries: list[AuditEntry] = []
        self._number = 0
        self._next = desired.revision + 1

    @property
    def number(self) -> int:
        """The number of this work's revision; reading it makes the revision."""
        self._number = self._next
        return self._number

    @property
    def is_revision(self) -> bool:
        """Whether this work makes a revision."""
        return self._number > 0

    def change(self, change: Change) -> bool:
        """Change the desired state; False if that changes nothing."""
        effective = self.desired.effective(change)
        if not effective:
            return False
        for (kind, name), content in effective.puts.items():
            self.touch(kind, name, self.desired.content(kind, name), content)
        for kind, name in effective.removes:
            self.touch(kind, name, self.desired.content(kind, name), None)
        self.desired = self.desired.with_change(effective, self.number)
        return True

    def touch(self, kind: str, name: str, before: bytes | None, after: bytes | None) -> None:
        """Record a change of this kind, with canonical JSON before and after, without secrets.

        Raises ValueError for an invalid name.
        """
        if len(name) > MAX_NAME_LENGTH or not name.isprintable():
            raise ValueError(f"{kind}: a name must be at most {MAX_NAME_LENGTH} printable characters")
        self._number = self._next
        self.touches.append(ResourceChange(kind, name, before, after))

    def add_audit_entry(self, entry: AuditEntry) -> None:
        """Add an audit entry, in place of the one made from the recorded changes."""
        self._audit_entries.append(entry)

    @property
    def audit_entries(self) -> tuple[AuditEntry, ...]:
        """The audit entries of this work."""
        author = self.author
        asked = author.call is not None and author.call.operator
        if self._audit_entries or not (self.touches or self.announced or self.is_revision or asked):
            return tuple(self._audit_entries)
        before, after = audited_change(self.touches)
        names = ", ".join(sorted({f"{one.kind}/{one.name}" for one in self.touches})[:20])
        return (AuditEntry(author.action, author.target or names or ", ".join(sorted(self.announced)), before, after),)

    async def next(self, log: str) -> int:
        """The next number of a log such as `jobs`; without gaps, since a failed transaction uses none."""
        return (await increment_heads(self.connection, [_LOG + log]))[_LOG + log]

    def announce(self, kind: str) -> None:
        """Notify all replicas, after the commit, that something of this kind has changed."""
        self.announced.add(kind)


Work = Callable[[Tx], Awaitable[Any]]


@dataclass(slots=True)
class WriteGroup:
    """The rows that a transaction will write, collected from its changes and works."""

    connection: AsyncConnection
    desired: Desired
    cursors: dict[str, int]
    keyring: Keyring = NO_KEY
    replica: str = ""
    entries: list[PendingRow] = field(default_factory=list)
    moved: dict[str, int] = field(default_factory=dict)
    rows: dict[tuple[str, str], bytes | None] = field(default_factory=dict)
    numbers: dict[tuple[str, str], int] = field(default_factory=dict)
    revisions: list[dict[str, Any]] = field(default_factory=list)
    details: list[dict[str, Any]] = field(default_factory=list)
    announced: set[str] = field(default_factory=set)

    def apply_change(self, make: Callable[[Desired], Change], author: Author, cursor: Cursor | None) -> Committed:
        """Apply one change. Raises what `make` raises, and then changes nothing."""
        held = self.cursors.get(cursor.source, 0) if cursor else 0
        if cursor is not None and cursor.position <= held:
            return Committed(self.desired.revision, held)
        tx = Tx(self.connection, self.desired, author)
        tx.change(make(self.desired))
        self._collect(tx)
        if cursor is not None and not cursor.more:
            self.cursors[cursor.source] = self.moved[cursor.source] = held = cursor.position
        return Committed(self.desired.revision, held)

    async def apply_work(self, work: Work, author: Author) -> Any:
        """Run one work in a savepoint, which alone is rolled back if it fails."""
        tx = Tx(self.connection, self.desired, author)
        async with self.connection.begin_nested():
            result = await work(tx)
            self._collect(tx)
        return result

    def _collect(self, tx: Tx) -> None:
        content = pack(tx.touches) if tx.touches else None
        self.announced |= tx.announced
        self.entries += (
            PendingRow(tx.author, entry, tx.number if tx.is_revision else None) for entry in tx.audit_entries
        )
        if not tx.is_revision:
            return
        for touch in tx.touches:
            if touch.kind in tx.desired.resource_sets:
                self.rows[touch.kind, touch.name] = touch.after
                self.numbers[touch.kind, touch.name] = tx.number
        self.desired = tx.desired.with_revision_number(tx.number)
        author = tx.author
        row = {"number": tx.number, "at": author.at, "author": storable_text(author.name, 200)}
        touched = json.dumps(summary(tx.touches))
        self.revisions.append(row | {"reason": storable_text(author.reason, 1_000), "touched": touched})
        if content is not None:
            self.details.append({"number": tx.number, "at": author.at, "content": content})

    async def finish(self) -> dict[str, int]:
        """Write the collected rows; returns the new heads of the kinds that changed."""
        if self.rows:
            rows = [
                {"type": kind, "name": name, "number": self.numbers[kind, name], "content": content}
                for (kind, name), content in self.rows.items()
            ]
            await upsert(self.connection, resources, rows)
        if self.revisions:
            await self.connection.execute(revisions.insert(), self.revisions)
        if self.details:
            await self.connection.execute(details.insert(), self.details)
        if self.moved:
            await upsert(self.connection, cursors, [{"source": s, "position": at} for s, at in self.moved.items()])
            self.announced.add("cursors")
        if self.entries:
            await append(self.connection, self.entries, self.keyring, f"replica/{self.replica[:8]}")
            self.announced.add("audit")
        made = await increment_heads(self.connection, self.announced)
        if self.revisions:
            made[REVISION] = self.desired.revision
            at = heads.c.kind == REVISION
            await self.connection.execute(heads.update().where(at).values(number=self.desired.revision))
        return made


async def lock_changes(connection: AsyncConnection) -> int:
    """Take the lock of all changes; returns the latest revision."""
    query = select(heads.c.number).where(heads.c.kind == REVISION).with_for_update()
    return int((await connection.execute(query)).scalar_one())


async def upsert(connection: AsyncConnection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert rows or replace those with the same primary key. All rows must have the same columns."""
    listed = list(rows)
    if not listed:
        return
    keys = [column.name for column in table.primary_key]
    statement = insert_into(connection, table)
    changed = {name: statement.excluded[name] for name in listed[0] if name not in keys}
    await connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), listed)


async def increment_heads(connection: AsyncConnection, kinds: Iterable[str]) -> dict[str, int]:
    """Increment the head of each kind, in order of name against deadlocks; returns the new numbers."""
    rows = [{"kind": kind, "number": 1} for kind in sorted(kinds)]
    if not rows:
        return {}
    statement = insert_into(connection, heads).values(rows)
    counted = statement.on_conflict_do_update(index_elements=["kind"], set_={"number": heads.c.number + 1})
    made = await connection.execute(counted.returning(heads.c.kind, heads.c.number))
    return {row.kind: row.number for row in made}


def insert_into(connection: AsyncConnection, table: Table) -> Any:
    """An INSERT of this connection's dialect, with ON CONFLICT."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
