"""The store of what search learns, on SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from secrets import token_hex
from typing import Any

import msgspec
from sqlalchemy import Column, Float, Index, Integer, MetaData, Table, Text, delete, or_, select

from services.search.learning.clicks import Click, hash_viewer
from system.database.database import Database
from system.database.engine import DatabaseAddress
from system.database.migrations import Migrations

tables = MetaData()
facts = Table("facts", tables, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))
clicks = Table(
    "clicks",
    tables,
    Column("query", Text, primary_key=True),
    Column("content_id", Text, primary_key=True),
    Column("viewer", Text, primary_key=True),
    Column("at", Float, nullable=False),
    Column("country", Text),
)
Index("clicks_by_time", clicks.c.at)
Index("clicks_by_viewer", clicks.c.viewer)
pins = Table(
    "pins",
    tables,
    Column("query", Text, primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("content_id", Text, nullable=False),
)
synonyms = Table("synonyms", tables, Column("number", Integer, primary_key=True), Column("names", Text, nullable=False))
empty_queries = Table(
    "empty_queries",
    tables,
    Column("query", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("at", Float, nullable=False),
)

MAX_CLICKS = 200_000
"""The latest clicks that are kept and counted."""
MAX_VIEWERS = 64
"""Viewers counted for one query and title, the latest ones."""
MAX_EMPTY_QUERIES = 10_000
CLICK_SECONDS = 90 * 86_400.0
"""How long a click is kept."""
MIGRATIONS = Migrations(tables, Path(__file__).with_name("migrations"), "0001")
_names = msgspec.json.Decoder(tuple[str, ...])


class LearningStore:
    """Clicks, pins, synonyms and queries without results."""

    name = "search"

    def __init__(self, address: DatabaseAddress) -> None:
        self._database = Database(address, MIGRATIONS, "search")
        self._secret = b""

    async def open(self) -> None:
        """Open or create the database. Raises StorageFailed."""
        await self._database.open()
        async with self._database.write() as connection:
            query = select(facts.c.value).where(facts.c.name == "viewer-secret")
            secret = (await connection.execute(query)).scalar_one_or_none()
            if secret is None:
                secret = token_hex(32)
                await connection.execute(facts.insert().values(name="viewer-secret", value=secret))
        self._secret = bytes.fromhex(secret)

    async def close(self) -> None:
        """Close the database."""
        await self._database.close()

    async def remember_click(self, query: str, content_id: str, subject: str, at: float, country: str | None) -> None:
        """Remember that a viewer chose a title among the results of a query; their earlier click on it is replaced."""
        viewer = hash_viewer(self._secret, subject)
        same = (clicks.c.query == query) & (clicks.c.content_id == content_id)
        async with self._database.write() as connection:
            await connection.execute(delete(clicks).where(same & (clicks.c.viewer == viewer)))
            row = {"query": query, "content_id": content_id, "viewer": viewer, "at": at, "country": country}
            await connection.execute(self._database.insert(clicks).values(**row).on_conflict_do_nothing())
            kept = select(clicks.c.viewer).where(same).order_by(clicks.c.at.desc()).limit(MAX_VIEWERS)
            await connection.execute(delete(clicks).where(same & clicks.c.viewer.not_in(kept.scalar_subquery())))

    async def read_clicks(self, since: float) -> list[Click]:
        """Clicks since a time, the latest first, at most MAX_CLICKS."""
        query = select(clicks).where(clicks.c.at >= since).order_by(clicks.c.at.desc()).limit(MAX_CLICKS)
        async with self._database.read() as connection:
            return [Click(*row) for row in (await connection.execute(query)).all()]

    async def forget_old(self, now: float) -> None:
        """Delete clicks that are kept no longer, and the rarest queries without results."""
        async with self._database.write() as connection:
            await connection.execute(delete(clicks).where(clicks.c.at < now - CLICK_SECONDS))
            kept = select(empty_queries.c.query).order_by(empty_queries.c.at.desc()).limit(MAX_EMPTY_QUERIES)
            await connection.execute(delete(empty_queries).where(empty_queries.c.query.not_in(kept.scalar_subquery())))
            await connection.execute(delete(empty_queries).where(empty_queries.c.at < now - CLICK_SECONDS))

    async def count_empty(self, queries: Mapping[str, int], now: float) -> None:
        """Count queries that found nothing."""
        async with self._database.write() as connection:
            for query, count in queries.items():
                mine = empty_queries.c.query == query
                found = await connection.execute(
                    empty_queries.update().where(mine).values(count=empty_queries.c.count + count, at=now)
                )
                if not found.rowcount:
                    row = self._database.insert(empty_queries).values(query=query, count=count, at=now)
                    await connection.execute(row.on_conflict_do_nothing())

    async def read_empty(self, limit: int) -> list[tuple[str, int, float]]:
        """(query, times, last time) of queries that found nothing, the most frequent first."""
        order = (empty_queries.c.count.desc(), empty_queries.c.query)
        async with self._database.read() as connection:
            rows = (await connection.execute(select(empty_queries).order_by(*order).limit(limit))).all()
        return [(row[0], row[1], row[2]) for row in rows]

    async def read_pins(self) -> dict[str, tuple[str, ...]]:
        """The titles pinned for each query, in order."""
        found: dict[str, list[str]] = {}
        async with self._database.read() as connection:
            for row in (await connection.execute(select(pins).order_by(pins.c.query, pins.c.place))).all():
                found.setdefault(row.query, []).append(row.content_id)
        return {query: tuple(ids) for query, ids in found.items()}

    async def write_pins(self, query: str, content_ids: Sequence[str]) -> None:
        """Replace the titles pinned for a query; none unpins."""
        async with self._database.write() as connection:
            await connection.execute(delete(pins).where(pins.c.query == query))
            rows = [{"query": query, "place": place, "content_id": name} for place, name in enumerate(content_ids)]
            if rows:
                await connection.execute(pins.insert(), rows)

    async def read_synonyms(self) -> list[tuple[str, ...]]:
        """The groups of synonyms."""
        async with self._database.read() as connection:
            rows = (await connection.execute(select(synonyms.c.names).order_by(synonyms.c.number))).all()
        return [_names.decode(row[0]) for row in rows]

    async def write_synonyms(self, groups: Sequence[Sequence[str]]) -> None:
        """Replace all groups of synonyms."""
        rows = [{"number": number, "names": msgspec.json.encode(group).decode()} for number, group in enumerate(groups)]
        async with self._database.write() as connection:
            await connection.execute(delete(synonyms))
            if rows:
                await connection.execute(synonyms.insert(), rows)

    async def export_person(self, account_id: str, profiles: Sequence[str]) -> list[dict[str, Any]]:
        """The clicks of a person's profiles, oldest first."""
        query = select(clicks).where(self._mine(account_id, profiles)).order_by(clicks.c.at)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [{name: value for name, value in row.items() if name != "viewer"} for row in rows]

    async def erase_person(self, account_id: str, profiles: Sequence[str]) -> None:
        """Delete the clicks of a person's profiles."""
        async with self._database.write() as connection:
            await connection.execute(delete(clicks).where(self._mine(account_id, profiles)))
        await self._database.scrub()

    def _mine(self, account_id: str, profiles: Sequence[str]) -> Any:
        return or_(*(clicks.c.viewer == hash_viewer(self._secret, one) for one in (account_id, *profiles)))
