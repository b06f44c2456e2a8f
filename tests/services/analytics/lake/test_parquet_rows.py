"""Rows as Parquet and back."""

from services.analytics.lake.parquet_rows import (
    EVENT_SCHEMA,
    VIEW_SCHEMA,
    decode_parquet,
    encode_parquet,
    event_row,
    table_of,
)
from services.analytics.views.view_event import Signal, Source, ViewEvent

EVENT = ViewEvent("s", 10.5, 11.0, Source.CMCD, Signal.PLAYING, "ps", 4, raw='e=ps,sid="s"', position=1.5)


def test_an_event_as_it_is_kept():
    table = decode_parquet(encode_parquet(table_of([event_row(EVENT, 4096, 2)], EVENT_SCHEMA)))
    [row] = table.to_pylist()
    assert (row["position"], row["number"], row["at_ms"], row["received_ms"]) == (4096, 2, 10_500, 11_000)
    assert (row["source"], row["raw"], row["position_s"]) == ("cmcd", 'e=ps,sid="s"', 1.5)


def test_the_same_rows_are_the_same_bytes():
    rows = [event_row(EVENT, number, 0) for number in range(100)]
    assert encode_parquet(table_of(rows, EVENT_SCHEMA)) == encode_parquet(table_of(rows, EVENT_SCHEMA))


def test_no_rows_are_a_table_all_the_same():
    assert decode_parquet(encode_parquet(table_of([], VIEW_SCHEMA))).schema.equals(VIEW_SCHEMA)
