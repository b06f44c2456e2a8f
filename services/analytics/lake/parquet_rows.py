"""The columns of the lake's files, and rows as Parquet. Needs pyarrow (extra `analytics`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq

from services.analytics.views.view import ViewRow
from services.analytics.views.view_event import ViewEvent

COMPRESSION_LEVEL = 3
MAX_ROWS_IN_GROUP = 122_880


class EventRow(NamedTuple):
    """An event as the lake keeps it. `position` and `number` say where it was read from: the record, and the event in
    it from 0; together with the source they are its identity. Times in Unix milliseconds."""

    position: int
    number: int
    received_ms: int
    at_ms: int
    session: str
    source: str
    name: str
    sequence: int
    content_id: str
    position_s: float
    bitrate: int
    code: str
    edge: str
    region: str
    country: str
    player: str
    device: str
    app_version: str
    subject: str
    bytes: int
    raw: str


_ARROW = {int: pa.int64(), float: pa.float64(), str: pa.string()}


def _schema_of(row: type) -> pa.Schema:
    return pa.schema([(name, _ARROW[kind]) for name, kind in get_type_hints(row).items()])


EVENT_SCHEMA = _schema_of(EventRow)
VIEW_SCHEMA = _schema_of(ViewRow)


def event_row(event: ViewEvent, position: int, number: int) -> EventRow:
    """The row of an event."""
    return EventRow(
        position=position, number=number, received_ms=round(event.received * 1000), at_ms=round(event.at * 1000),
        session=event.session, source=event.source.value, name=event.name, sequence=event.sequence,
        content_id=event.content_id, position_s=event.position, bitrate=event.bitrate, code=event.code,
        edge=event.edge, region=event.region, country=event.country, player=event.player, device=event.device,
        app_version=event.app_version, subject=event.subject, bytes=event.bytes, raw=event.raw,
    )  # fmt: skip


def table_of(rows: Sequence[Sequence[Any]], schema: pa.Schema) -> pa.Table:
    """Rows as a table; each has the schema's fields in its order."""
    columns: Iterable[Sequence[Any]] = zip(*rows, strict=True) if rows else ([] for _ in schema)
    return pa.Table.from_arrays(
        [pa.array(column, kind.type) for column, kind in zip(columns, schema, strict=True)], schema=schema
    )


def encode_parquet(table: pa.Table) -> bytes:
    """A table as a file; the same rows always give the same bytes."""
    sink = pa.BufferOutputStream()
    pq.write_table(
        table, sink, compression="zstd", compression_level=COMPRESSION_LEVEL, row_group_size=MAX_ROWS_IN_GROUP
    )
    return bytes(sink.getvalue())


def decode_parquet(data: bytes) -> pa.Table:
    """The reverse. Raises pa.ArrowInvalid for other bytes."""
    return pq.read_table(pa.BufferReader(data))
