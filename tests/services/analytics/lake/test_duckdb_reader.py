"""DuckDB's reports are those of the reference, over the lake and over what is not in it yet."""

import random

import pytest

from kernel.errors import StorageFailed
from services.analytics.lake.duckdb_reader import DuckdbReader
from services.analytics.lake.lake_files import VIEWS, LakeFile, partition_at
from services.analytics.lake.lake_upkeep import erase_rows, list_files
from services.analytics.lake.parquet_rows import EVENT_SCHEMA, VIEW_SCHEMA, encode_parquet, event_row, table_of
from services.analytics.views.quality import describe_quality, roll_up
from services.analytics.views.view import View, row_of
from services.analytics.views.view_event import Signal, Source, ViewEvent
from tests.services.analytics.conftest import T

OUTCOMES = (
    "played",
    "played",
    "played",
    "exit-before-start",
    "abandoned",
    "start-failure",
    "playback-failure",
    "unreported",
)


def made_views(count, seed=1):
    draw = random.Random(seed)
    for number in range(count):
        outcome = draw.choice(OUTCOMES)
        failed = outcome.endswith("failure")
        yield row_of(View(f"s{seed}-{number}"), T)._replace(
            content_id=draw.choice(("film", "series", "l'été")), region=draw.choice(("eu", "us")),
            part=draw.choice((0, 0, 0, 1)), outcome=outcome, started_ms=int((T + number) * 1000),
            failure_class=draw.choice(("technical", "business")) if failed else "",
            startup_ms=draw.choice((-1, draw.randrange(100, 5000))), played_ms=draw.randrange(600_000),
            stalled_ms=draw.randrange(9_000), sought_ms=draw.randrange(3_000), stalls=draw.randrange(4),
            errors=draw.randrange(2), switches=draw.randrange(5), kilobits=draw.randrange(10**6) / 2,
            rated_ms=draw.randrange(600_000), left_at_s=draw.randrange(5_000) / 1, duration_s=5_400.0,
        )  # fmt: skip


def store(lake, rows, schema=VIEW_SCHEMA, kind=VIEWS, start=0):
    file = LakeFile(partition_at(T, kind), "log-a", start, start + 1)
    lake.put(file.key, encode_parquet(table_of(rows, schema)))


def reader_of(lake):
    return DuckdbReader(lake, list_files(lake))


@pytest.mark.parametrize("dimension", ["title", "region"])
def test_a_report_is_the_references(lake, dimension):
    stored, fresh = list(made_views(400)), list(made_views(50, seed=2))
    store(lake, stored[:200])
    store(lake, stored[200:], start=1)
    column = {"title": "content_id", "region": "region"}[dimension]
    expected = {key: describe_quality(sums) for key, sums in roll_up([*stored, *fresh], column).items()}
    rows = reader_of(lake).quality([dimension], T, T + 3600, fresh, {})
    assert {row.pop(dimension): row for row in rows} == expected


def test_only_views_of_the_time_and_the_value_count(folder_lake):
    rows = list(made_views(300))
    store(folder_lake, rows)
    reader = reader_of(folder_lake)
    chosen = [row for row in rows if 100_000 <= row.started_ms - T * 1000 < 200_000 and row.content_id == "l'été"]
    expected = {key: sums.views for key, sums in roll_up(chosen, "region").items()}
    found = reader.quality(["region"], T + 100, T + 200, [], {"title": "l'été"})
    assert {row["region"]: row["views"] for row in found} == expected
    both = reader.quality(["region", "title"], T + 100, T + 200, [], {})
    assert sum(row["views"] for row in both) == sum(
        row.part == 0 and row.outcome != "unreported" for row in rows if 100_000 <= row.started_ms - T * 1000 < 200_000
    )
    assert reader.quality(["title"], T - 9000, T - 8000, [], {}) == []


def test_an_empty_lake_has_empty_reports(lake):
    reader = reader_of(lake)
    assert reader.quality(["title"], T, T + 1, [], {}) == []
    assert reader.drop_off("film", T, T + 1, [])["views"] == 0
    assert reader.left_early(T, T + 1, [], 0.25, 1) == []
    assert reader.view_counts(T, T + 1, []) == []


def watched(session, seconds, title="film"):
    return row_of(View(session), T)._replace(
        content_id=title, outcome="played", started_ms=int(T * 1000), left_at_s=float(seconds), duration_s=1200.0
    )


def test_drop_off_and_titles_that_many_leave_early(folder_lake):
    rows = [watched("a", 30), watched("b", 100), watched("c", 1199), watched("d", 10, "dull"), watched("e", 20, "dull")]
    store(folder_lake, rows[:2])
    reader = reader_of(folder_lake)
    found = reader.drop_off("film", T, T + 1, rows[2:])
    assert (found["contentId"], found["views"], found["durationSeconds"]) == ("film", 3, 1200)
    assert [row["watching"] for row in found["minutes"][:3]] == [1.0, 0.6667, 0.3333]
    early = reader.left_early(T, T + 1, rows[2:], 0.25, 2)
    assert [(row["contentId"], row["leftEarly"], row["views"]) for row in early] == [("dull", 2, 2), ("film", 2, 3)]
    assert [row["contentId"] for row in reader.left_early(T, T + 1, rows[2:], 0.25, 3)] == ["film"]


def test_views_by_players_and_by_edges_side_by_side(folder_lake):
    def fetched(session, name="segment"):
        return event_row(ViewEvent(session, T, T, Source.EDGE, Signal.OTHER, name, content_id="film"), 0, 0)

    store(folder_lake, [watched("both", 9), watched("players", 9), watched("idle", 9)._replace(outcome="unreported")])
    logs = [fetched("both"), fetched("both"), fetched("edges"), fetched("manifest", "request"), fetched("")]
    store(folder_lake, logs, EVENT_SCHEMA, "logs")
    assert reader_of(folder_lake).view_counts(T, T + 1, []) == [
        {"contentId": "film", "byEvents": 2, "byEdges": 2, "onlyEvents": 1, "onlyEdges": 1}
    ]


def test_a_damaged_file_is_a_failure_of_the_lake(lake):
    store(lake, list(made_views(3)))
    [key] = lake.list()
    lake.put(key, b"PAR1 is no file of Parquet")
    with pytest.raises(StorageFailed, match="cannot be read"):
        reader_of(lake).quality(["title"], T, T + 60, [], {})
    with pytest.raises(StorageFailed, match="damaged"):
        erase_rows(lake, frozenset({"ann"}), frozenset())
