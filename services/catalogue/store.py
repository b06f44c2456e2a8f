"""The catalogue's database: titles and the change log that search, recommendations and control follow.

The titles are the change log: each has the sequence number of its last change, assigned inside the writing
transaction. So a follower that reads all titles after its cursor in order misses no change and reads each title once.
A licence window that opens or closes is a change too, made when it is due.

Over 300 lines because every change must give sequence numbers in the same way, in the transaction that makes it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from enum import Enum
from pathlib import Path
from secrets import token_hex
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    bindparam,
    cast,
    func,
    or_,
    select,
    text,
    tuple_,
    type_coerce,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from kernel.vocabulary import Tier
from services.catalogue.library import LibraryTitle, merge_published
from services.catalogue.licence import Windows, next_change
from services.catalogue.title import Artwork, Change, Kind, Person, Playable, Title, with_open_countries
from services.catalogue.title_line import ImportedTitle
from system.database.database import Database
from system.database.engine import DatabaseAddress
from system.database.migrations import Migrations, adopt_tables

tables = MetaData()
titles = Table(
    "titles",
    tables,
    Column("content_id", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False, unique=True),
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
    Column("origin_seen", Text),  # The origin's previous entry, to see which of its fields changed.
    Column("kind", Text, nullable=False, server_default="film"),
    Column("parent", Text),
    Column("number", Integer),
    Column("details", Text, nullable=False, server_default="{}"),
    Column("windows", Text),
    Column("next_change", Float),  # When a licence window opens or closes next.
    Column("is_deleted", Integer, nullable=False, server_default="0"),
)
Index("titles_in_order", titles.c.is_playable, titles.c.popularity, titles.c.content_id)
Index("titles_by_next_change", titles.c.next_change)
Index("titles_by_parent", titles.c.parent, titles.c.number, titles.c.content_id)
facts = Table("facts", tables, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))

Position = tuple[int, float, str]
"""The end of a page of titles: (is_playable, popularity, contentId)."""

MAX_DUE = 1_000
"""Titles whose licence window opens or closes, in one transaction."""


class Details(Struct, frozen=True, omit_defaults=True):
    """What of a title is only shown, in one column."""

    people: tuple[Person, ...] = ()
    maturity: int | None = None
    tier: Tier | None = None
    languages: tuple[str, ...] = ()
    artwork: tuple[Artwork, ...] = ()
    original_title: str = ""
    aliases: tuple[str, ...] = ()


class Outcome(Enum):
    """What became of a change of one title."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    UNKNOWN = "unknown"
    """There is no such title."""
    CONFLICT = "conflict"
    """The title is not as the caller saw it: somebody else changed it."""
    PLAYABLE = "playable"
    """The title is published: it goes when the origin no longer lists it."""


_names = msgspec.json.Decoder(tuple[str, ...])
_details = msgspec.json.Decoder(Details)
_windows = msgspec.json.Decoder(Windows)
_playable = msgspec.json.Decoder(Playable)
_seen = msgspec.json.Decoder(LibraryTitle)

MIGRATIONS = Migrations(tables, Path(__file__).with_name("migrations"), "0002", adopt_tables("titles"))
_TITLE = select(titles).where(titles.c.content_id == bindparam("title"), titles.c.is_deleted == 0)


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
            await connection.execute(self._database.insert(facts).on_conflict_do_nothing(), first)
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
            rows = (await connection.execute(query)).mappings()
            return [Change(row["seq"], _title(row), bool(row["is_deleted"])) for row in rows]

    async def get(self, content_id: str) -> Title | None:
        """One title; None if there is none with this contentId."""
        found = await self.get_with_seq(content_id)
        return None if found is None else found[1]

    async def get_with_seq(self, content_id: str) -> tuple[int, Title] | None:
        """One title with the sequence number of its last change."""
        named = {"title": content_id}
        row = await self._database.run_read(lambda connection: connection.execute(_TITLE, named).mappings().first())
        return None if row is None else (row["seq"], _title(row))

    async def get_many(self, content_ids: Sequence[str]) -> dict[str, Title]:
        """The existing ones of these titles (at most a few hundred), by contentId."""
        query = select(titles).where(titles.c.content_id.in_(list(content_ids)), titles.c.is_deleted == 0)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings()
            return {row["content_id"]: _title(row) for row in rows}

    async def list_children(self, parent: str, country: str | None, limit: int) -> list[Title]:
        """The seasons of a series, or the episodes of a season, licensed in the country, in their order."""
        query = select(titles).where(titles.c.parent == parent, titles.c.is_deleted == 0, _licensed_in(country))
        query = query.order_by(titles.c.number, titles.c.content_id).limit(limit)
        async with self._database.read() as connection:
            return [_title(row) for row in (await connection.execute(query)).mappings()]

    async def page(
        self, country: str | None, after: Position | None, limit: int, maturity: int | None = None
    ) -> list[tuple[Position, Title]]:
        """Titles licensed in the country: playable ones first, then by popularity.

        `maturity` is the highest minimum age among them, None = any.
        """
        query = select(titles).where(titles.c.is_deleted == 0, _licensed_in(country))
        # Sort all three columns descending: SQLite then reads the index backwards and never sorts.
        order = (titles.c.is_playable, titles.c.popularity, titles.c.content_id)
        if after is not None:
            query = query.where(tuple_(*order) < after)
        if maturity is not None:
            details: Any = titles.c.details
            found = cast(details, JSON) if self._database.is_shared else type_coerce(details, JSON)
            age = found["maturity"].as_integer()
            query = query.where(or_(age.is_(None), age <= maturity))
        descending = (column.desc() for column in order)
        async with self._database.read() as connection:
            rows = (await connection.execute(query.order_by(*descending).limit(limit))).mappings()
            return [((row["is_playable"], row["popularity"], row["content_id"]), _title(row)) for row in rows]

    async def count(self) -> tuple[int, int]:
        """(titles, playable titles)."""
        query = select(func.count(), func.coalesce(func.sum(titles.c.is_playable), 0)).select_from(titles)
        query = query.where(titles.c.is_deleted == 0)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one()
            return row[0], row[1]

    async def import_titles(self, batch: Sequence[ImportedTitle], now: float) -> int:
        """Insert or update titles in one transaction. Returns how many are new or changed.

        A title without a licence in the file keeps its own; `playable` never changes. `now` in Unix seconds.
        """
        async with self.importing(now) as batches:
            await batches.write(batch)
        return batches.changed

    @asynccontextmanager
    async def importing(self, now: float) -> AsyncIterator[ImportTransaction]:
        """One transaction for any number of batches: all of them are imported, or none when the block raises."""
        async with self._database.write() as connection:
            yield ImportTransaction(self._database, connection, now)

    async def put_title(self, record: ImportedTitle, now: float, expected: int | None = None) -> tuple[Outcome, int]:
        """Create or replace one title, and say what became of it and the sequence number of its last change.

        `expected`: the sequence number that the caller saw, 0 = there must be none yet, None = whatever there is.
        """
        content_id = record.title.content_id
        async with self._database.write() as connection:
            await _lock_head(connection)
            held = await _seq_of(connection, content_id)
            if expected is not None and held != expected:
                return Outcome.CONFLICT, held
            batches = ImportTransaction(self._database, connection, now)
            await batches.write([record])
            seq = await _seq_of(connection, content_id)
        if not batches.changed:
            return Outcome.UNCHANGED, seq
        return Outcome.UPDATED if held else Outcome.CREATED, seq

    async def delete_title(self, content_id: str, expected: int | None = None) -> Outcome:
        """Delete a title that is not published; its followers are told by the change log."""
        async with self._database.write() as connection:
            seq = await _lock_head(connection) + 1
            query = select(titles.c.seq, titles.c.is_playable)
            query = query.where(titles.c.content_id == content_id, titles.c.is_deleted == 0)
            row = (await connection.execute(query)).first()
            if row is None:
                return Outcome.UNKNOWN
            if expected is not None and row[0] != expected:
                return Outcome.CONFLICT
            if row[1]:
                return Outcome.PLAYABLE
            gone = update(titles).where(titles.c.content_id == content_id)
            await connection.execute(gone.values(is_deleted=1, next_change=None, seq=seq))
            await _set_head(connection, seq)
        return Outcome.DELETED

    async def set_licence(
        self, content_id: str, countries: tuple[str, ...] | None, windows: Windows | None = None, now: float = 0.0
    ) -> bool:
        """Set where a title may be watched (None: everywhere), or by `windows` where and when.

        Returns False if there is no such title.
        """
        licence = with_open_countries(Title(content_id, "", countries=countries, windows=windows), now)
        async with self._database.write() as connection:
            seq = await _lock_head(connection) + 1
            change = update(titles).where(titles.c.content_id == content_id, titles.c.is_deleted == 0)
            done = await connection.execute(change.values(**_licence_columns(licence, now), seq=seq))
            if done.rowcount:
                await _set_head(connection, seq)
        return bool(done.rowcount)

    async def apply_due_windows(self, now: float) -> int:
        """Open and close the licence windows that are due; followers see each as a change. Returns how many titles."""
        due = select(titles).where(titles.c.next_change <= now).order_by(titles.c.next_change).limit(MAX_DUE)
        async with self._database.read() as connection:
            if (await connection.execute(due.limit(1))).first() is None:
                return 0
        async with self._database.write() as connection:
            seq = await _lock_head(connection)
            rows = (await connection.execute(due)).mappings().all()
            for row in rows:
                seq += 1
                title = with_open_countries(_title(row), now)
                change = update(titles).where(titles.c.content_id == title.content_id)
                await connection.execute(change.values(**_licence_columns(title, now), seq=seq))
            await _set_head(connection, seq)
        return len(rows)

    async def export_titles(self) -> AsyncIterator[Title]:
        """All titles, by contentId, as they are at one moment."""
        query = select(titles).where(titles.c.is_deleted == 0).order_by(titles.c.content_id)
        async with self._database.read() as connection:
            async for row in (await connection.stream(query)).mappings():
                yield _title(row)

    async def sync_library(self, entries: Sequence[LibraryTitle], now: float) -> int:
        """Make exactly the titles in the origin's library playable. Returns how many titles changed."""
        listed = {entry.content_id: entry for entry in entries}
        async with self._database.write() as connection:
            seq = start = await _lock_head(connection)
            known = await _affected_rows(connection, list(listed))
            for content_id, entry in listed.items():
                row = known.get(content_id)
                seen = _seen.decode(row["origin_seen"]) if row is not None and row["origin_seen"] else None
                if row is not None and row["is_playable"] and seen == entry:
                    continue
                seq += 1
                title = merge_published(None if row is None else _title(row), seen, entry)
                values = _row(title, seq, now) | {"origin_seen": msgspec.json.encode(entry).decode()}
                await connection.execute(
                    self._database.insert(titles).on_conflict_do_update(index_elements=["content_id"], set_=values),
                    values,
                )
            for content_id, row in known.items():
                if row["is_playable"] and content_id not in listed:
                    seq += 1
                    gone = update(titles).where(titles.c.content_id == content_id)
                    await connection.execute(gone.values(is_playable=0, playable=None, seq=seq))
            if seq != start:
                await _set_head(connection, seq)
        return seq - start


class ImportTransaction:
    """Writes batches of titles within one transaction; `changed` counts those that are new or differ."""

    def __init__(self, database: Database, connection: AsyncConnection, now: float) -> None:
        self.changed = 0
        self._database = database
        self._connection = connection
        self._now = now

    async def write(self, batch: Sequence[ImportedTitle]) -> None:
        """Insert or update the titles of a batch (some thousands); of one that comes twice, the last one counts."""
        latest = {record.title.content_id: record for record in batch}
        first = await _lock_head(self._connection) + 1
        for given in (True, False):
            rows = [
                _row(with_open_countries(record.title, self._now), first + number, self._now)
                for number, record in enumerate(latest.values())
                if record.licence_given is given
            ]
            if rows:
                await self._connection.execute(_upsert_statement(self._database, with_licence=given), rows)
        # Rows that were the same keep their number, so those with a new one are the changed. (A driver's rowcount of
        # many statements is not to be had on PostgreSQL.)
        count = select(func.count()).select_from(titles).where(titles.c.seq >= first)
        changed = (await self._connection.execute(count)).scalar_one()
        if changed:
            await _set_head(self._connection, first + len(latest) - 1)
        self.changed += changed


async def _lock_head(connection: AsyncConnection) -> int:
    """The sequence number of the latest change, held until the transaction ends: each number is given once."""
    query = select(facts.c.value).where(facts.c.name == "seq").with_for_update()
    return int((await connection.execute(query)).scalar_one())


async def _head(connection: AsyncConnection) -> int:
    found = await connection.execute(select(facts.c.value).where(facts.c.name == "seq"))
    return int(found.scalar_one())


async def _seq_of(connection: AsyncConnection, content_id: str) -> int:
    """The sequence number of a title's last change; 0 when there is none."""
    query = select(titles.c.seq).where(titles.c.content_id == content_id, titles.c.is_deleted == 0)
    return (await connection.execute(query)).scalar() or 0


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


_IMPORTED = (
    "title", "year", "genres", "cast_names", "description", "rating", "popularity", "kind", "parent", "number",
    "details", "is_deleted",
)  # fmt: skip
"""The columns that an import sets; an attribution only where the file has one."""
_LICENCE = ("countries", "windows", "next_change")


def _upsert_statement(database: Database, *, with_licence: bool) -> Any:
    statement = database.insert(titles)
    given = {name: statement.excluded[name] for name in (*_IMPORTED, *(_LICENCE if with_licence else ()))}
    given["attribution"] = func.coalesce(func.nullif(statement.excluded.attribution, text("''")), titles.c.attribution)
    differs = or_(*(titles.c[name].is_distinct_from(value) for name, value in given.items()))
    given["seq"] = statement.excluded.seq
    return statement.on_conflict_do_update(index_elements=["content_id"], set_=given, where=differs)


def _licensed_in(country: str | None) -> Any:
    everywhere = titles.c.countries.is_(None)
    return everywhere if country is None else or_(everywhere, titles.c.countries.contains(f",{country},"))


def _countries_text(countries: tuple[str, ...] | None) -> str | None:
    return None if countries is None else "," + "".join(f"{country}," for country in countries)


def _licence_columns(title: Title, now: float) -> dict[str, Any]:
    return {
        "countries": _countries_text(title.countries),
        "windows": None if title.windows is None else msgspec.json.encode(title.windows).decode(),
        "next_change": next_change(title.windows, now),
    }


def _row(title: Title, seq: int, now: float) -> dict[str, Any]:
    details = Details(
        title.people, title.maturity, title.tier, title.languages, title.artwork, title.original_title, title.aliases
    )
    return {
        "content_id": title.content_id,
        "seq": seq,
        "title": title.title,
        "year": title.year,
        "genres": msgspec.json.encode(title.genres).decode(),
        "cast_names": msgspec.json.encode(title.cast).decode(),
        "description": title.description,
        "rating": title.rating,
        "popularity": title.popularity,
        "attribution": title.attribution,
        "is_playable": int(title.playable is not None),
        "playable": None if title.playable is None else msgspec.json.encode(title.playable).decode(),
        "kind": title.kind.value,
        "parent": title.parent,
        "number": title.number,
        "details": msgspec.json.encode(details).decode(),
        "is_deleted": 0,
    } | _licence_columns(title, now)


def _title(row: Any) -> Title:
    countries = row["countries"]
    details = _details.decode(row["details"])
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
        kind=Kind(row["kind"]),
        parent=row["parent"],
        number=row["number"],
        people=details.people,
        maturity=details.maturity,
        tier=details.tier,
        languages=details.languages,
        artwork=details.artwork,
        original_title=details.original_title,
        aliases=details.aliases,
        windows=_windows.decode(row["windows"]) if row["windows"] else None,
    )
