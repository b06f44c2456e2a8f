"""The feedback store: events in order of arrival, read as columns for fitting and by user for tastes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Column, Float, Index, Integer, MetaData, Table, Text, delete, func, select

from services.recommend.events import Action, FeedbackEvent, event_weight
from services.recommend.model import EventColumns
from services.recommend.ranking import Taste
from system.database.database import Database
from system.database.engine import DatabaseAddress
from system.database.migrations import Migrations, adopt_tables

tables = MetaData()
events = Table(
    "events",
    tables,
    Column("id", Integer, primary_key=True),
    Column("user", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("value", Float),
    Column("at", Float, nullable=False),
    Column("country", Text),
)
Index("events_by_user", events.c.user, events.c.at)

MAX_EVENTS_PER_USER = 1000
"""Latest events of a user that form their taste."""

MIGRATIONS = Migrations(tables, Path(__file__).with_name("migrations"), "0001", adopt_tables("events"))


class FeedbackStore:
    """Events, as they came."""

    def __init__(self, address: DatabaseAddress) -> None:
        self._database = Database(address, MIGRATIONS, "recommend")

    async def open(self) -> None:
        """Open or create the database. Raises StorageFailed."""
        await self._database.open()

    async def close(self) -> None:
        """Close the database."""
        await self._database.close()

    async def add_events(self, batch: Sequence[FeedbackEvent]) -> None:
        """Add events in one transaction."""
        rows = [_row(event) for event in batch]
        async with self._database.write() as connection:
            await connection.execute(events.insert(), rows)

    name = "recommend"

    async def export_person(self, account_id: str, profiles: Sequence[str]) -> list[dict[str, Any]]:
        """The feedback of a person's profiles, oldest first."""
        query = select(events).where(events.c.user.in_([account_id, *profiles])).order_by(events.c.id)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [{name: value for name, value in row.items() if name != "id"} for row in rows]

    async def erase_person(self, account_id: str, profiles: Sequence[str]) -> None:
        """Delete the feedback of a person's profiles; the next fit of the model knows nothing of it."""
        async with self._database.write() as connection:
            await connection.execute(delete(events).where(events.c.user.in_([account_id, *profiles])))
        await self._database.scrub()

    async def delete_before(self, moment: float) -> int:
        """Delete feedback from before a moment (Unix seconds). Returns how many events there were."""
        async with self._database.write() as connection:
            return (await connection.execute(delete(events).where(events.c.at < moment))).rowcount

    async def head(self) -> int:
        """The number of the latest event; 0 if there is none."""
        async with self._database.read() as connection:
            return int((await connection.execute(select(func.coalesce(func.max(events.c.id), 0)))).scalar_one())

    async def read_taste(self, user: str) -> Taste:
        """The taste of a user from their latest events; the last like or dislike of a title wins."""
        query = select(events.c.content, events.c.action, events.c.value).where(events.c.user == user)
        query = query.order_by(events.c.at.desc(), events.c.id.desc()).limit(MAX_EVENTS_PER_USER)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        liked: dict[str, float] = {}
        verdict: dict[str, str] = {}
        for number, (content, action, value) in enumerate(rows):
            if action in (Action.LIKE, Action.DISLIKE):
                verdict.setdefault(content, action)
            gain = max(0.0, event_weight(Action(action), value)) * 0.98 ** min(number, 200)  # recent events weigh more
            liked[content] = liked.get(content, 0.0) + gain
        disliked = frozenset(content for content, action in verdict.items() if action == Action.DISLIKE)
        for content in disliked:
            liked.pop(content, None)
        return Taste(liked, frozenset(content for content, _, _ in rows), disliked)

    async def read_columns(self) -> EventColumns:
        """All events as columns."""
        query = select(events.c.user, events.c.content, events.c.action, events.c.value, events.c.at, events.c.country)
        users, items, countries = _Numbering(), _Numbering(), _Numbering()
        user, item, gain, at, country = [], [], [], [], []
        async with self._database.read() as connection:
            async for row in await connection.stream(query):
                user.append(users.number_of(row[0]))
                item.append(items.number_of(row[1]))
                gain.append(event_weight(Action(row[2]), row[3]))
                at.append(row[4])
                country.append(countries.number_of(row[5]) if row[5] else -1)
        return EventColumns(
            users=users.names,
            items=items.names,
            countries=countries.names,
            user=np.array(user, dtype=np.int64),
            item=np.array(item, dtype=np.int64),
            weight=np.array(gain, dtype=np.float64),
            at=np.array(at, dtype=np.float64),
            country=np.array(country, dtype=np.int64),
        )


def _row(event: FeedbackEvent) -> dict[str, str | float | None]:
    return {
        "user": event.user,
        "content": event.content,
        "action": event.action.value,
        "value": event.value,
        "at": event.at,
        "country": event.country,
    }


class _Numbering:
    """Assigns numbers from 0 to names in order of appearance."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._known: dict[str, int] = {}

    def number_of(self, name: str) -> int:
        """The number of a name."""
        number = self._known.setdefault(name, len(self.names))
        if number == len(self.names):
            self.names.append(name)
        return number
