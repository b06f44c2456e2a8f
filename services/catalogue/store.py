"""The catalogue's database: titles and the change log that search, recommendations and control follow.

The titles are the change log: each has the sequence number of its last change, assigned inside the writing
transaction. So a follower that reads all titles after its cursor in order misses no change and reads each title once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from secrets import token_hex
from typing import Any

import msgspec
from sqlalchemy import Column, Float, Index, Integer, MetaData, Table, Text, func, or_, select, tuple_, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalogue.library import LibraryTitle, merge_published
from services.catalogue.title import Change, ImportedTitle, Playable, Title
from system.database.database import Database
from system.database.engine import DatabaseAddress
from system.database.migrations import Migrations, adopt_tables

tables = MetaData()
titles = Table(
    "titles",
    tables,
    Column("content_id", Text, primary_key=True),
    Column("seq", Integer, nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("year", Integer),
    Column("genres", Text, nullable=False),
    Column("cast_names", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("countries", Text),  # NULL: everywhere; ",DE,FR,": only there; ",": nowhere
    Column("rating", Float),
    Column("popularity", Float, nullable=False),
    Column("attribution", Text, nullable=False, server_default=""),
    Column("is_playable", Integer, nullable=False, server_default="0"),
    Column("playable", Text),
    Column("origin_seen", Text),  # the origin's previous library entry, to detect which fields it changes
)
Index("titles_in_order", titles.c.is_playable, titles.c.popularity, titles.c.content_id)
facts = Table("facts", tables, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))

Position = tuple[int, float, str]
"""The end of a page of titles: (is_playable, popularity, contentId)."""

_names = msgspec.json.Decoder(tuple[str, ...])
_playable = msgspec.json.Decoder(Playable)
_seen = msgspec.json.Decoder(LibraryTitle)

MIGRATIONS = Migrations(tables, Path(__file__).with_name("migrations"), "0001", adopt_tables("titles"))


class CatalogueStore:
    """Titles and their change log; several processes may open it."""

    def __init__(self, address: DatabaseAddress) -> None:
        self._database = Database(address, MIGRATIONS, "catalogue")
        self.epoch = ""
        """The permanent id of this database: cursors of one database are invalid in another."""

    async def open(self) -> None:
        """Open or create the database. Raises StorageFailed."""
        await self._database.open()
        async with self._database.write() as connection:
            first = [{"name": "epoch", "value": token_hex(8)}, {"name": "seq", "value": "0"}]
            await connection.execute(insert(facts).on_conflict_do_nothing(), first)
            found = await connection.execute(select(facts.c.value).where(facts.c.name == "epoch"))
            self.epoch = found.scalar_one()

    async def close(self) -> None:
        """Close the database."""
        await self._database.close()

    async def head(self) -> int:
        """The sequence number of the latest change."""
        async with self._database.read() as connection:
            return await _head(connection)

    async def changes(self, after: int, limit: int = 1000) -> list[Change]:
        """Titles changed since the cursor `after`, oldest change first, at most `limit`."""
        query = select(titles).where(titles.c.seq > after).order_by(titles.c.seq).limit(limit)
        async with self._database.read() as connection:
            return [Change(row["seq"], _title(row)) for row in (await connection.execute(query)).mappings()]

    async def get(self, content_id: str) -> Title | None:
        """One title; None if there is none with this contentId."""
        query = select(titles).where(titles.c.content_id == content_id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().first()
        return None if row is None else _title(row)

    async def get_many(self, content_ids: Sequence[str]) -> dict[str, Title]:
        """The existing ones of these titles (at most a few hundred), by contentId."""
        query = select(titles).where(titles.c.content_id.in_(list(content_ids)))
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings()
            return {row["content_id"]: _title(row) for row in rows}

    async def page(self, country: str | None, after: Position | None, limit: int) -> list[tuple[Position, Title]]:
        """Titles licensed in the country: playable ones first, then by popularity."""
        query = select(titles).where(_licensed_in(country))
        # Sort all three columns descending: SQLite then reads the index backwards and never sorts.
        order = (titles.c.is_playable, titles.c.popularity, titles.c.content_id)
        if after is not None:
            query = query.where(tuple_(*order) < after)
        descending = (column.desc() for column in order)
        async with self._database.read() as connection:
            rows = (await connection.execute(query.order_by(*descending).limit(limit))).mappings()
            return [((row["is_playable"], row["popularity"], row["content_id"]), _title(row)) for row in rows]

    async def count(self) -> tuple[int, int]:
        """(titles, playable titles)."""
        query = select(func.count(), func.coalesce(func.sum(titles.c.is_playable), 0)).select_from(titles)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one()
            return row[0], row[1]

    async def import_titles(self, batch: Sequence[ImportedTitle]) -> int:
        """Insert or update imported titles in one transaction. Returns how many are new or changed.

        A title without `countries` in the file keeps its licence; `playable` never changes.
        """
        latest = {record.title.content_id: record for record in batch}
        async with self._database.write() as connection:
            first = await _head(connection) + 1
            changed = 0
            for given in (True, False):
                rows = [
                    _row(record.title, first + number)
                    for number, record in enumerate(latest.values())
                    if record.licence_given is given
                ]
                changed += await _upsert(connection, rows, with_licence=given)
            if changed:
                await _set_head(connection, first + len(latest) - 1)
        return changed

    async def set_licence(self, content_id: str, countries: tuple[str, ...] | None) -> bool:
        """Set the countries where a title may be watched (None: all). Returns False if there is no such title."""
        async with self._database.write() as connection:
            seq = await _head(connection) + 1
            change = update(titles).where(titles.c.content_id == content_id)
            done = await connection.execute(change.values(countries=_countries_text(countries), seq=seq))
            if done.rowcount:
                await _set_head(connection, seq)
        return bool(done.rowcount)

    async def sync_library(self, entries: Sequence[LibraryTitle]) -> int:
        """Make exactly the titles in the origin's library playable. Returns how many titles changed."""
        listed = {entry.content_id: entry for entry in entries}
        async with self._database.write() as connection:
            seq = start = await _head(connection)
            known = await _affected_rows(connection, list(listed))
            for content_id, entry in listed.items():
                row = known.get(content_id)
                seen = _seen.decode(row["origin_seen"]) if row is not None and row["origin_seen"] else None
                if row is not None and row["is_playable"] and seen == entry:
                    continue
                seq += 1
                title = merge_published(None if row is None else _title(row), seen, entry)
                values = _row(title, seq) | {"origin_seen": msgspec.json.encode(entry).decode()}
                await connection.execute(
                    insert(titles).on_conflict_do_update(index_elements=["content_id"], set_=values), values
                )
            for content_id, row in known.items():
                if row["is_playable"] and content_id not in listed:
                    seq += 1
                    gone = update(titles).where(titles.c.content_id == content_id)
                    await connection.execute(gone.values(is_playable=0, playable=None, seq=seq))
            if seq != start:
                await _set_head(connection, seq)
        return seq - start


async def _head(connection: AsyncConnection) -> int:
    found = await connection.execute(select(facts.c.value).where(facts.c.name == "seq"))
    return int(found.scalar_one())


async def _set_head(connection: AsyncConnection, seq: int) -> None:
    await connection.execute(update(facts).where(facts.c.name == "seq").values(value=str(seq)))


async def _affected_rows(connection: AsyncConnection, listed: list[str]) -> dict[str, Any]:
    """The rows that a library may change: those playable now, and those listed."""
    found: dict[str, Any] = {}
    conditions = [titles.c.is_playable == 1]
    conditions += [titles.c.content_id.in_(listed[start : start + 500]) for start in range(0, len(listed), 500)]
    for condition in conditions:
        for row in (await connection.execute(select(titles).where(condition))).mappings():
            found[row["content_id"]] = row
    return found


async def _upsert(connection: AsyncConnection, rows: list[dict[str, Any]], *, with_licence: bool) -> int:
    if not rows:
        return 0
    names = ["title", "year", "genres", "cast_names", "description", "rating", "popularity"]
    names += ["countries"] if with_licence else []
    statement = insert(titles)
    differs = or_(*(titles.c[name].is_distinct_from(statement.excluded[name]) for name in names))
    new = {name: statement.excluded[name] for name in [*names, "seq"]}
    done = await connection.execute(
        statement.on_conflict_do_update(index_elements=["content_id"], set_=new, where=differs), rows
    )
    return done.rowcount


def _licensed_in(country: str | None) -> Any:
    everywhere = titles.c.countries.is_(None)
    return everywhere if country is None else or_(everywhere, titles.c.countries.contains(f",{country},"))


def _countries_text(countries: tuple[str, ...] | None) -> str | None:
    return None if countries is None else "," + "".join(f"{country}," for country in countries)


def _row(title: Title, seq: int) -> dict[str, Any]:
    return {
        "content_id": title.content_id,
        "seq": seq,
        "title": title.title,
        "year": title.year,
        "genres": msgspec.json.encode(title.genres).decode(),
        "cast_names": msgspec.json.encode(title.cast).decode(),
        "description": title.description,
        "countries": _countries_text(title.countries),
        "rating": title.rating,
        "popularity": title.popularity,
        "attribution": title.attribution,
        "is_playable": int(title.playable is not None),
        "playable": None if title.playable is None else msgspec.json.encode(title.playable).decode(),
    }


def _title(row: Any) -> Title:
    countries = row["countries"]
    return Title(
        content_id=row["content_id"],
        title=row["title"],
        year=row["year"],
        genres=_names.decode(row["genres"]),
        cast=_names.decode(row["cast_names"]),
        description=row["description"],
        countries=None if countries is None else tuple(part for part in countries.split(",") if part),
        rating=row["rating"],
        popularity=row["popularity"],
        attribution=row["attribution"],
        playable=_playable.decode(row["playable"]) if row["playable"] else None,
    )
