"""Control's store: the desired state in memory, one writer to the database, and changes made by other replicas.

One writer commits queued changes in groups. A caller is answered after the commit; a change without an answer may or
may not be stored. A caller that disconnects does not disturb the writer. While the database is unavailable, control
serves from memory and refuses changes.

Over 300 lines because the writer, its readers and the unavailable database are one state.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import uuid4

import structlog
from sqlalchemy import Select, func, select, update
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

from control.audit.chain import NO_KEY, Keyring
from control.audit.entry import Action, Author
from control.db.change_listener import ChangeListener
from control.db.database import CHANNEL, MIGRATIONS, open_database
from control.db.desired_table import StoredState, delete_old, delete_removals, read_state
from control.db.queued_change import QueuedChange
from control.db.schema import facts, revisions
from control.db.transaction import Committed, Cursor, Tx, Work, WriteGroup, increment_heads, lock_changes
from control.desired.resources import Change, Desired
from kernel.errors import Overloaded, StorageFailed
from kernel.vocabulary import OverloadReason
from system.database.engine import DatabaseAddress, Engine
from system.database.migrations import migrate

__all__ = ["Author", "Committed", "Cursor", "Store", "Tx"]

MAX_QUEUED = 1_000
MAX_GROUP = 100
TRANSACTION_SECONDS = 30.0
"""Seconds that a transaction may take before it is cancelled."""

_STATEMENT_ERRORS = (IntegrityError, DataError, ProgrammingError)
"""Errors of one statement; the database itself is available."""

log = structlog.get_logger("control")


class Store:
    """The store of one control process. Call `open`, then run `run` as one task until `close`."""

    def __init__(self, database: Engine, replica: str = "", keyring: Keyring = NO_KEY) -> None:
        self.replica = replica or uuid4().hex
        self.keyring = keyring
        self.database = database
        self.available = True
        self._queue: asyncio.Queue[QueuedChange | None] = asyncio.Queue(MAX_QUEUED)
        self._closing = False
        self._write_lock = asyncio.Lock()
        self._state = StoredState(Desired(""), {}, {})
        self._callbacks: dict[str, list[Callable[[], object]]] = {}

    @classmethod
    async def open(cls, database: Path | Engine, replica: str = "", keyring: Keyring = NO_KEY) -> Store:
        """Open or create the database and migrate its tables; `keyring` seals its audit log.

        Raises StorageFailed naming it.
        """
        if isinstance(database, Path):
            database = open_database(DatabaseAddress(database))
        store = cls(database, replica, keyring)
        failures: tuple[type[Exception], ...] = (StorageFailed, *store._failures)
        try:
            if database.listen is None:
                Path(database.name).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            async with asyncio.timeout(TRANSACTION_SECONDS):
                async with database.writing.begin() as connection:
                    await migrate(connection, MIGRATIONS)
                    await lock_changes(connection)
                    await delete_removals(connection)
                async with database.reading.begin() as connection:
                    store._state = await read_state(connection)
        except failures as error:
            await database.engine.dispose()
            raise StorageFailed(f"{database.name}: {database.cause(error)}") from None
        return store

    @property
    def desired(self) -> Desired:
        """The desired state, as far as this replica knows."""
        return self._state.desired

    @property
    def cursors(self) -> Mapping[str, int]:
        """The position applied of each source's change log."""
        return MappingProxyType(dict(self._state.cursors))

    def on_change(self, kind: str, callback: Callable[[], object]) -> None:
        """Call back after every commit, by any replica, that changed something of a kind (docs/push.md).

        `revision` is any revision. A plain function that must not fail; it may be called when nothing is new.
        """
        self._callbacks.setdefault(kind, []).append(callback)

    async def commit(
        self, make: Callable[[Desired], Change], author: Author, cursor: Cursor | None = None
    ) -> Committed:
        """Commit the change that `make` returns for the newest state; done once it is durable.

        Raises what `make` raises, Overloaded when too many wait, StorageFailed when the database fails.
        """
        done: Committed = await self._enqueue(make, None, author, cursor)
        return done

    async def transact(self, work: Work, author: Author) -> Any:
        """Run `work(tx)` under the lock of all changes; returns its result once it is durable.

        Raises what `work` raises (its writes are rolled back), otherwise as `commit`.
        """
        return await self._enqueue(None, work, author, None)

    async def save(self, work: Callable[[AsyncConnection], Awaitable[Any]], announce: Iterable[str] = ()) -> Any:
        """Run `work(connection)` in a transaction besides the writer's, for state that is not part of any revision.

        `announce`: the kinds that it changes. Raises what `work` raises, and StorageFailed.
        """
        try:
            async with asyncio.timeout(TRANSACTION_SECONDS), self.database.writing.begin() as connection:
                result = await work(connection)
                made = await increment_heads(connection, announce)
                await self._notify(connection, made)
        except self._failures as error:
            raise self._failed("could not be kept", error) from None
        self._set_state(self._state._replace(heads={**self._state.heads, **made}), made)
        return result

    async def read(self, query: Select[Any]) -> list[dict[str, Any]]:
        """The rows of a query. Raises StorageFailed."""
        try:
            async with asyncio.timeout(TRANSACTION_SECONDS), self.database.engine.connect() as connection:
                return [dict(row) for row in (await connection.execute(query)).mappings()]
        except self._failures as error:
            raise self._failed("could not be read", error) from None

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """A connection that sees one snapshot, for several queries. Raises StorageFailed."""
        try:
            async with self.database.reading.connect() as connection:
                yield connection
        except self.database.failures as error:
            raise self._failed("could not be read", error) from None

    async def run(self) -> None:
        """Run the writer and the listener to other replicas until the store is closed."""
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(ChangeListener(self.database, self.replica, self.refresh).run())
            await self._write_all()
            following.cancel()

    async def _enqueue(self, make: Any, work: Any, author: Author, cursor: Cursor | None) -> Any:
        if self._closing:
            raise Overloaded(OverloadReason.CONTROL_STOPPING)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        try:
            self._queue.put_nowait(QueuedChange(make, work, author, cursor, answer))
        except asyncio.QueueFull:
            raise Overloaded(OverloadReason.CHANGES_WAITING) from None
        return await answer

    async def _write_all(self) -> None:
        while (first := await self._queue.get()) is not None:
            waiting = [first]
            while len(waiting) < MAX_GROUP and not self._queue.empty():
                following = self._queue.get_nowait()
                if following is None:
                    self._queue.put_nowait(None)
                    break
                waiting.append(following)
            async with self._write_lock:
                await self._write(waiting)

    async def _write(self, waiting: Sequence[QueuedChange]) -> None:
        try:
            async with asyncio.timeout(TRANSACTION_SECONDS), self.database.writing.begin() as connection:
                state = await self._caught_up(connection)
                group = WriteGroup(connection, state.desired, dict(state.cursors), self.keyring, self.replica)
                answers = [await self._apply(group, one) for one in waiting]
                made = await group.finish()
                await self._notify(connection, made)
        except self._failures as error:
            if (
                isinstance(error, _STATEMENT_ERRORS) and len(waiting) > 1
            ):  # one change spoils the group: write each by itself
                for one in waiting:
                    await self._write([one])
                return
            failed = self._failed("the change could not be kept", error)
            for one in waiting:
                one.resolve(failed)
            return
        except Exception as error:  # a bug must neither end the writer nor leave callers waiting
            log.exception("change-failed")
            for one in waiting:
                one.resolve(StorageFailed(f"the change could not be made: {type(error).__name__}"))
            return
        self._set_state(StoredState(group.desired, group.cursors, {**state.heads, **made}), made)
        for one, result in zip(waiting, answers, strict=True):
            one.resolve(result)

    async def _apply(self, group: WriteGroup, waiting: QueuedChange) -> Any:
        """Apply one queued change; its own error is its answer, an error of the database fails the whole group."""
        try:
            return await waiting.apply_to(group)
        except _STATEMENT_ERRORS as error:
            return StorageFailed(f"the change could not be kept: {self.database.cause(error)}")
        except self._failures:
            raise
        except Exception as error:  # noqa: BLE001 (the caller gets it)
            return error

    async def _caught_up(self, connection: AsyncConnection) -> StoredState:
        """The newest state, read under the lock of all changes; with a new epoch if the database lost history."""
        revision = await lock_changes(connection)
        before = self.desired
        state = await read_state(connection, self._state)
        if before.epoch == state.desired.epoch and revision < before.revision:
            log.warning("database-history-lost", revision=revision, held=before.revision)
            await connection.execute(update(facts).where(facts.c.name == "epoch").values(value=uuid4().hex))
            made = await increment_heads(connection, ["epoch"])
            state = await read_state(connection)
            await self._notify(connection, made)
        return state

    async def refresh(self) -> None:
        """Load what other replicas have changed. Raises StorageFailed."""
        async with self._write_lock:
            try:
                async with asyncio.timeout(TRANSACTION_SECONDS):
                    async with self.database.reading.begin() as connection:
                        state = await read_state(connection, self._state)
                    if state.desired.epoch == self.desired.epoch and state.desired.revision < self.desired.revision:
                        async with self.database.writing.begin() as connection:
                            state = await self._caught_up(connection)
            except self._failures as error:
                raise self._failed("what others have changed could not be read", error) from None
            known = self._state.heads
            self._set_state(state, [kind for kind, number in state.heads.items() if known.get(kind) != number])

    async def renew_epoch(self, now: float = 0.0) -> None:
        """Start a new epoch unless another replica has: an edge holds more than any control. Raises StorageFailed."""
        seen = self.desired.epoch

        async def work(tx: Tx) -> None:
            if tx.desired.epoch == seen:
                renewed = update(facts).where(facts.c.name == "epoch").values(value=uuid4().hex)
                await tx.connection.execute(renewed)
                tx.announce("epoch")

        await self.transact(
            work, Author("control", now, "an edge holds more than any control", action=Action.EPOCH_BEGIN)
        )
        await self.refresh()

    async def history(self, most: int = 100, before: int | None = None) -> list[dict[str, Any]]:
        """The latest revisions (before a number), newest first."""
        query = select(revisions).order_by(revisions.c.number.desc()).limit(most)
        return await self.read(query if before is None else query.where(revisions.c.number < before))

    async def delete_old(self, now: float) -> None:
        """Delete old rows. Raises Overloaded, StorageFailed."""

        async def work(tx: Tx) -> None:
            await delete_removals(tx.connection)
            await delete_old(tx.connection, now)

        await self.transact(work, Author("control", now))

    async def close(self) -> None:
        """Refuse further changes; `run` commits the queued ones and ends."""
        self._closing = True
        await self._queue.put(None)

    async def dispose(self) -> None:
        """Close the database, after `run` has ended."""
        await self.database.engine.dispose()

    @property
    def _failures(self) -> tuple[type[Exception], ...]:
        return (*self.database.failures, TimeoutError)

    def _failed(self, what: str, error: Exception) -> StorageFailed:
        why = f"{what}: {self.database.cause(error)}"
        if self.available:
            log.error("database-unavailable", why=why)
        self.available = False
        return StorageFailed(why)

    def _set_state(self, state: StoredState, kinds: Iterable[str]) -> None:
        """Replace the state and call back for the kinds that changed."""
        self._state = state
        self._call(kinds)

    def _call(self, kinds: Iterable[str]) -> None:
        if not self.available:
            log.info("database-available")
        self.available = True
        for kind in kinds:
            for callback in self._callbacks.get(kind, ()):
                try:
                    callback()
                except Exception:
                    log.exception("change-callback-failed", kind=kind)

    async def _notify(self, connection: AsyncConnection, made: Mapping[str, int]) -> None:
        if made and self.database.listen is not None:
            await connection.execute(select(func.pg_notify(CHANNEL, self.replica)))
