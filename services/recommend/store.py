"""The feedback store: events as they came, each once, and the marks that they come to.

Serving and training read the marks, of which there is one for each viewer and title. The events are kept for export,
and as the log by which other processes see that a viewer's marks have changed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

from sqlalchemy import (
    Connection,
    and_,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from services.recommend.curation import CurationStore
from services.recommend.events import FeedbackEvent, event_identity
from services.recommend.experiments.records import Draw, Exposure
from services.recommend.experiments.store import ExperimentStore
from services.recommend.marks import Mark, MarkRow, UserMarkRow, gather_marks
from services.recommend.schema import MIGRATIONS, draws, events, exposures, facts, marks
from system.database.database import Database
from system.database.engine import DatabaseAddress

MAX_MARKS = 20_000
"""Marks of one viewer that are read; nobody watches so many titles."""


class FeedbackStore:
    """Events and marks; several processes may open it."""

    name = "recommend"

    def __init__(self, address: DatabaseAddress) -> None:
        self._database = Database(address, MIGRATIONS, "recommend")
        self.curation = CurationStore(self._database)
        self.experiments = ExperimentStore(self._database)

    async def open(self) -> None:
        """Open or create the database. Raises StorageFailed."""
        await self._database.open()

    async def close(self) -> None:
        """Close the database."""
        await self._database.close()

    async def add_events(
        self,
        batch: Sequence[FeedbackEvent],
        received: float,
        cursor: tuple[str, int] | None = None,
        seen: Sequence[Exposure] = (),
        drawn: Sequence[Draw] = (),
    ) -> int:
        """Add events in one transaction, and how many are new. `received` in Unix seconds.

        `cursor` (name, value): where the reader of another log goes on once these are stored.
        """
        async with self._database.write() as connection:
            if cursor is not None:
                await self._set_fact(connection, *cursor)
            await self.experiments.add_seen(connection, seen, drawn)
            if not batch:
                return 0
            before = await _head(connection)
            insert = self._database.insert(events).on_conflict_do_nothing(index_elements=["identity"])
            await connection.execute(insert, [_event_row(event, received) for event in batch])
            await connection.execute(self._merge_statement(), [_mark_row(one) for one in gather_marks(batch, received)])
            count = select(func.count()).select_from(events).where(events.c.id > before)
            return int((await connection.execute(count)).scalar_one())

    def _merge_statement(self) -> Any:
        """The statement form of `merge_marks`."""
        insert = self._database.insert(marks)
        new, held = insert.excluded, marks.c
        verdict_wins = or_(
            new.verdict_at > held.verdict_at,
            and_(new.verdict_at == held.verdict_at, new.verdict < held.verdict),
        )
        newer = or_(new.at > held.at, and_(new.at == held.at, new.country > held.country))
        values = {
            "verdict": case((verdict_wins, new.verdict), else_=held.verdict),
            "verdict_at": case((verdict_wins, new.verdict_at), else_=held.verdict_at),
            "country": case((newer, new.country), else_=held.country),
        }
        for name in ("viewed", "clicked", "share", "at", "received"):
            values[name] = case((new[name] > held[name], new[name]), else_=held[name])
        return insert.on_conflict_do_update(index_elements=["user", "content"], set_=values)

    async def export_person(self, account_id: str, profiles: Sequence[str]) -> list[dict[str, Any]]:
        """The feedback of a person's profiles, oldest first."""
        query = select(events).where(events.c.user.in_([account_id, *profiles])).order_by(events.c.id)
        shown = select(exposures).where(exposures.c.user.in_([account_id, *profiles])).order_by(exposures.c.at)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings().all()
            arms = (await connection.execute(shown)).mappings().all()
        hidden = ("id", "identity", "received", "several", "propensity")
        return [{name: value for name, value in row.items() if name not in hidden} for row in (*rows, *arms)]

    async def erase_person(self, account_id: str, profiles: Sequence[str]) -> None:
        """Delete the feedback of a person's profiles; the next training knows nothing of it."""
        users = [account_id, *profiles]
        async with self._database.write() as connection:
            for table in (events, marks, exposures, draws):
                await connection.execute(delete(table).where(table.c.user.in_(users)))
            await self._set_fact(connection, "erasures", await _fact(connection, "erasures") + 1)
        await self._database.scrub()

    async def delete_before(self, moment: float) -> int:
        """Delete feedback that came in before a moment (Unix seconds), and how many events there were.

        What was imported counts from its import, however old it was then.
        """
        async with self._database.write() as connection:
            await connection.execute(delete(marks).where(marks.c.received < moment))
            for table in (exposures, draws):
                await connection.execute(delete(table).where(table.c.at < moment))
            return (await connection.execute(delete(events).where(events.c.received < moment))).rowcount

    async def head(self) -> int:
        """The number of the latest event; 0 if there is none."""
        async with self._database.read() as connection:
            return await _head(connection)

    async def count_after(self, number: int) -> int:
        """How many events came after the one with this number."""
        async with self._database.read() as connection:
            count = select(func.count()).select_from(events).where(events.c.id > number)
            return int((await connection.execute(count)).scalar_one())

    async def read_early_exits(
        self, early: float, least: int, limit: int, country: str | None
    ) -> list[tuple[str, int, int, float]]:
        """(content, viewers who began it, those of them who left before the share `early`, mean share watched).

        Of titles that `least` viewers began, the most often left first.
        """
        left = func.sum(case((marks.c.share < early, 1), else_=0))
        count = func.count()
        query = (
            select(marks.c.content, count, left, func.avg(marks.c.share))
            .where(marks.c.share >= 0, *([marks.c.country == country] if country else []))
            .group_by(marks.c.content)
            .having(count >= least)
            .order_by((left * 1.0 / count).desc(), count.desc(), marks.c.content)
            .limit(limit)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return [(content, int(viewers), int(exits), float(mean)) for content, viewers, exits, mean in rows]

    async def fact(self, name: str) -> int:
        """A number that is kept under a name: `erasures`, or the cursor of another log; 0 if it was never set."""
        async with self._database.read() as connection:
            return await _fact(connection, name)

    async def read_events(self, after: int, limit: int) -> list[tuple[int, str, str, str, float, str | None]]:
        """(id, user, content, action, at, country) of the events after a number, at most `limit`."""
        columns = (events.c.id, events.c.user, events.c.content, events.c.action, events.c.at, events.c.country)
        query = select(*columns).where(events.c.id > after).order_by(events.c.id).limit(limit)
        async with self._database.read() as connection:
            return [tuple(row) for row in await connection.execute(query)]

    async def read_marks(self, user: str) -> list[MarkRow]:
        """A viewer's marks, in no order. Raises StorageFailed."""
        return await self._database.run_read(partial(_marks_of, user))

    async def read_all_marks(self, batch: int = 10_000) -> AsyncIterator[Sequence[UserMarkRow]]:
        """All marks, each viewer's together, in batches."""
        async with self._database.read() as connection:
            async for rows in (await connection.stream(_ALL)).partitions(batch):
                yield rows

    async def _set_fact(self, connection: AsyncConnection, name: str, value: int) -> None:
        insert = self._database.insert(facts)
        update = insert.on_conflict_do_update(index_elements=["name"], set_={"value": insert.excluded.value})
        await connection.execute(update, {"name": name, "value": value})


_MARK = (marks.c.content, marks.c.verdict, marks.c.viewed, marks.c.clicked, marks.c.share, marks.c.at)
_OF_USER = select(*_MARK).where(marks.c.user == bindparam("user"))
_ALL = select(marks.c.user, *_MARK, marks.c.country).order_by(marks.c.user, marks.c.content)


def _marks_of(user: str, connection: Connection) -> list[MarkRow]:
    return [tuple(row) for row in connection.execute(_OF_USER, {"user": user}).fetchmany(MAX_MARKS)]


async def _head(connection: AsyncConnection) -> int:
    return int((await connection.execute(select(func.coalesce(func.max(events.c.id), 0)))).scalar_one())


async def _fact(connection: AsyncConnection, name: str) -> int:
    return int((await connection.execute(select(facts.c.value).where(facts.c.name == name))).scalar() or 0)


def _event_row(event: FeedbackEvent, received: float) -> dict[str, str | float | int | None]:
    return {
        "user": event.user,
        "content": event.content,
        "action": event.action.value,
        "value": event.value,
        "at": event.at,
        "country": event.country,
        "identity": event_identity(event),
        "received": received,
        "seconds": event.seconds,
    }


def _mark_row(mark: Mark) -> dict[str, str | float | int]:
    return {
        "user": mark.user,
        "content": mark.content,
        "verdict": int(mark.verdict),
        "verdict_at": mark.verdict_at,
        "viewed": int(mark.viewed),
        "clicked": int(mark.clicked),
        "share": mark.share,
        "at": mark.at,
        "country": mark.country,
        "received": mark.received,
    }
