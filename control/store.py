"""Control's database: the desired state, its revisions, the edges seen. SQLite, WAL, synchronous=FULL.

Changes go through one writer that commits all that wait at once; a caller is answered after the commit, and what it is
not answered for may be lost. A caller that goes away does not disturb the writer.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import uuid4

from sqlalchemy import RowMapping, bindparam, delete, event, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from control.desired import Change, Desired
from control.rows import check_schema, floor_of, forget_removed, read_shelf
from control.schema import cursors, edges, facts, metadata, resources, revisions
from kernel.errors import Overloaded, StorageFailed
from kernel.fleet import TYPES

WAITING_MOST = 1_000
GROUP_MOST = 100

_FORGET = delete(resources).where((resources.c.type == bindparam("of")) & (resources.c.name == bindparam("named")))


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes something, when (Unix seconds) and why."""

    name: str
    at: float
    reason: str = ""


class Cursor(NamedTuple):
    """How far a source's change log is read once a change is made; `more`: not yet, more of the same is to come."""

    source: str
    position: int
    more: bool = False


class Committed(NamedTuple):
    """The revision that holds a change, and the cursor held for its source."""

    revision: int
    cursor: int


@dataclass(slots=True)
class _Waiting:
    make: Callable[[Desired], Change]
    author: Author
    cursor: Cursor | None
    answer: asyncio.Future[Committed]


@dataclass(slots=True)
class _Group:
    """What a transaction is going to hold."""

    desired: Desired
    cursors: dict[str, int]
    rows: dict[tuple[str, str], tuple[int, bytes | None]] = field(default_factory=dict)
    revisions: list[dict[str, Any]] = field(default_factory=list)
    answers: list[tuple[asyncio.Future[Committed], Committed]] = field(default_factory=list)

    def take(self, waiting: _Waiting) -> None:
        """Add one change; its own ValueError goes to its own caller."""
        cursor = waiting.cursor
        try:
            stale = cursor is not None and cursor.position <= self.cursors.get(cursor.source, 0)
            change = Change() if stale else self.desired.effective(waiting.make(self.desired))
        except ValueError as error:
            _answer(waiting.answer, error)
            return
        if change:
            self._add(change, waiting.author)
        if cursor is not None and not stale and not cursor.more:
            self.cursors[cursor.source] = cursor.position
        held = self.cursors.get(cursor.source, 0) if cursor else 0
        self.answers.append((waiting.answer, Committed(self.desired.revision, held)))

    def _add(self, change: Change, author: Author) -> None:
        number = self.desired.revision + 1
        self.desired = self.desired.after(change, number)
        self.rows |= {key: (number, content) for key, content in change.puts.items()}
        self.rows |= dict.fromkeys(change.removes, (number, None))
        names = sorted({name for _, name in (*change.puts, *change.removes)})
        touched = {"puts": len(change.puts), "removes": len(change.removes), "names": names[:20]}
        self.revisions.append(
            {
                "number": number,
                "at": author.at,
                "author": author.name[:200],
                "reason": author.reason[:1_000],
                "touched": json.dumps(touched),
            }
        )


class Store:
    """The database of one control process. `open`, then `run` as one task until `close`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._queue: asyncio.Queue[_Waiting | None] = asyncio.Queue(WAITING_MOST)
        self._cursors: dict[str, int] = {}
        self._closing = False
        self._writing = asyncio.Lock()
        self.desired = Desired("")
        self.on_change: Callable[[], object] = lambda: None

    @classmethod
    async def open(cls, path: Path) -> Store:
        """Open or make the database. Raises StorageFailed naming the file."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
        event.listen(engine.sync_engine, "connect", _set_pragmas)
        store = cls(engine)
        try:
            async with engine.begin() as connection:
                await connection.run_sync(metadata.create_all)
                await check_schema(connection)
                await forget_removed(connection)
            await store._load()
        except SQLAlchemyError as error:
            await engine.dispose()
            raise StorageFailed(f"{path}: {_cause(error)}") from None
        except StorageFailed as error:
            await engine.dispose()
            raise StorageFailed(f"{path}: {error}") from None
        return store

    @property
    def cursors(self) -> Mapping[str, int]:
        """How far each source's change log is read."""
        return MappingProxyType(self._cursors)

    async def commit(
        self, make: Callable[[Desired], Change], author: Author, cursor: Cursor | None = None
    ) -> Committed:
        """Make a change of what is desired then; answered when it is durable.

        Raises what `make` raises, Overloaded when too many wait, StorageFailed when the database fails.
        """
        if self._closing:
            raise Overloaded("control is stopping")
        answer: asyncio.Future[Committed] = asyncio.get_running_loop().create_future()
        try:
            self._queue.put_nowait(_Waiting(make, author, cursor, answer))
        except asyncio.QueueFull:
            raise Overloaded("too many changes wait for the disk") from None
        return await answer

    async def run(self) -> None:
        """The writer: commits what waits until the store is closed."""
        while (first := await self._queue.get()) is not None:
            waiting = [first]
            while len(waiting) < GROUP_MOST and not self._queue.empty():
                following = self._queue.get_nowait()
                if following is None:
                    self._queue.put_nowait(None)
                    break
                waiting.append(following)
            async with self._writing:
                await self._write(waiting)

    async def _write(self, waiting: Sequence[_Waiting]) -> None:
        group = _Group(self.desired, dict(self._cursors))
        for one in waiting:
            group.take(one)
        try:
            await self._commit(group)
        except SQLAlchemyError as error:
            for answer, _ in group.answers:
                _answer(answer, StorageFailed(f"the change could not be kept: {_cause(error)}"))
            await self._reload()
            return
        changed = group.desired is not self.desired
        self.desired, self._cursors = group.desired, group.cursors
        for answer, committed in group.answers:
            if not answer.done():
                answer.set_result(committed)
        if changed:
            self.on_change()

    async def _commit(self, group: _Group) -> None:
        moved = {source: at for source, at in group.cursors.items() if self._cursors.get(source) != at}
        if not group.rows and not moved:
            return
        async with self._engine.begin() as connection:
            if group.rows:
                keys = [{"of": kind, "named": name} for kind, name in group.rows]
                await connection.execute(_FORGET, keys)
                rows = [
                    {"type": kind, "name": name, "number": number, "content": content}
                    for (kind, name), (number, content) in group.rows.items()
                ]
                await connection.execute(insert(resources), rows)
            if group.revisions:
                await connection.execute(insert(revisions), group.revisions)
            for source, position in moved.items():
                await connection.execute(delete(cursors).where(cursors.c.source == source))
                await connection.execute(insert(cursors).values(source=source, position=position))

    async def renew_epoch(self) -> None:
        """Begin a new epoch: an edge holds what this database does not know. Raises StorageFailed."""
        try:
            async with self._writing:
                async with self._engine.begin() as connection:
                    await connection.execute(update(facts).where(facts.c.name == "epoch").values(value=uuid4().hex))
                await self._load()
        except SQLAlchemyError as error:
            raise StorageFailed(f"the new epoch could not be kept: {_cause(error)}") from None
        self.on_change()

    async def save_edges(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep what is known of edges, rows as `control.schema.edges` has them. Raises StorageFailed."""
        try:
            async with self._engine.begin() as connection:
                for row in rows:
                    await connection.execute(delete(edges).where(edges.c.id == row["id"]))
                    await connection.execute(insert(edges).values(**row))
        except SQLAlchemyError as error:
            raise StorageFailed(f"the edges could not be kept: {_cause(error)}") from None

    async def edges(self) -> Sequence[RowMapping]:
        """The rows of the edges seen."""
        async with self._engine.connect() as connection:
            return (await connection.execute(select(edges))).mappings().all()

    async def history(self, most: int = 100) -> Sequence[RowMapping]:
        """The latest revisions, newest first."""
        query = select(revisions).order_by(revisions.c.number.desc()).limit(most)
        async with self._engine.connect() as connection:
            return (await connection.execute(query)).mappings().all()

    async def close(self) -> None:
        """Refuse further changes and let `run` commit those that wait, then end."""
        self._closing = True
        await self._queue.put(None)

    async def dispose(self) -> None:
        """Close the file; after `run` has ended."""
        await self._engine.dispose()

    async def _reload(self) -> None:
        try:
            await self._load()
        except SQLAlchemyError:
            return  # what is in memory was committed; the next write tries the database again
        self.on_change()

    async def _load(self) -> None:
        async with self._engine.connect() as connection:
            known = {row.name: row.value for row in await connection.execute(select(facts))}
            self._cursors = {row.source: row.position for row in await connection.execute(select(cursors))}
            last = (await connection.execute(select(func.max(revisions.c.number)))).scalar() or 0
            shelves = {kind: await read_shelf(connection, kind, int(known.get(floor_of(kind), 0))) for kind in TYPES}
        self.desired = Desired(known["epoch"], last, MappingProxyType(shelves))


def _set_pragmas(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _answer(answer: asyncio.Future[Committed], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)


def _cause(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).split("\n", 1)[0]
