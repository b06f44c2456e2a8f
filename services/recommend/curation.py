"""Rows that operators make: chosen titles, or a featured banner, by country and within a time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import delete, select

from services.recommend.schema import curated
from system.database.database import Database

MAX_ROWS = 200
ROW_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}\Z")]
Moment = Annotated[float, Meta(ge=0, le=4_102_444_800)]
ContentId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")]


class CuratedRow(Struct, frozen=True, rename="camel", omit_defaults=True):
    """A row of operators: the body of PUT /recommendations/curated/{id}.

    `countries` None = everywhere; shown from `starts` until before `ends` (Unix seconds); lower `rank` first.
    """

    title: Annotated[str, Meta(min_length=1, max_length=100)]
    items: Annotated[tuple[ContentId, ...], Meta(min_length=1, max_length=100)]
    kind: Literal["curated", "featured"] = "curated"
    countries: Annotated[tuple[Country, ...], Meta(max_length=300)] | None = None
    starts: Moment | None = None
    ends: Moment | None = None
    rank: Annotated[int, Meta(ge=0, le=1000)] = 100


def is_shown(row: CuratedRow, country: str | None, now: float) -> bool:
    """Whether a row is for this country (None = unknown) at this time (Unix seconds)."""
    in_time = (row.starts is None or row.starts <= now) and (row.ends is None or now < row.ends)
    return in_time and (row.countries is None or country in row.countries)


_decoder = msgspec.json.Decoder(CuratedRow)


class CurationStore:
    """The rows of operators, in the feedback's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put_row(self, row_id: str, row: CuratedRow) -> bool:
        """Create or replace a row. Returns False if there are MAX_ROWS already."""
        async with self._database.write() as connection:
            held = (await connection.execute(select(curated.c.row_id))).scalars().all()
            if row_id not in held and len(held) >= MAX_ROWS:
                return False
            insert = self._database.insert(curated)
            body = msgspec.json.encode(row).decode()
            update = insert.on_conflict_do_update(index_elements=["row_id"], set_={"body": insert.excluded.body})
            await connection.execute(update, {"row_id": row_id, "body": body})
        return True

    async def delete_row(self, row_id: str) -> bool:
        """Delete a row. Returns False if there is none."""
        async with self._database.write() as connection:
            return bool((await connection.execute(delete(curated).where(curated.c.row_id == row_id))).rowcount)

    async def list_rows(self) -> Sequence[tuple[str, CuratedRow]]:
        """All rows by id, in the order in which they are shown."""
        async with self._database.read() as connection:
            rows = (await connection.execute(select(curated.c.row_id, curated.c.body))).all()
        found = [(row_id, _decoder.decode(body)) for row_id, body in rows]
        return sorted(found, key=lambda one: (one[1].rank, one[0]))
