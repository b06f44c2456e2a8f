"""From the log to the lake: each event once, wherever the process is killed."""

import pytest

from kernel.errors import StorageFailed
from services.analytics.lake.compactor import Compactor
from services.analytics.lake.lake_files import parse_key, visible_files
from services.analytics.lake.parquet_rows import decode_parquet
from services.analytics.lake.source_name import source_name
from services.analytics.views.view_book import ViewBook
from tests.services.analytics.conftest import MemoryLog, T, cmcd_film

STEPS = ("intent", "put", "put", "put", "checkpoint", "acknowledged")


class Killed(Exception):
    pass


def rows_in(lake, kind):
    files = [one for one in map(parse_key, lake.list()) if one is not None and one.partition.kind == kind]
    return [row for one in visible_files(files) for row in decode_parquet(lake.get(one.key)).to_pylist()]


def compact(folder, log, lake, *, now, kill_at=-1, records=99):
    """One life of a compactor: it reads, flushes, and is killed at a step of the flush."""
    steps = iter(range(99))

    def fault(_):
        if next(steps) == kill_at:
            raise Killed

    compactor = Compactor(folder, log, lake, ViewBook("eu"), fault)
    try:
        compactor.open()
        while records > 0 and (taken := compactor.read_some()):
            records -= taken
        compactor.flush(now)
    except Killed:
        pass
    finally:
        compactor.close()


def fill(log):
    log.append("cmcd", cmcd_film("a"), at=61)
    log.append("player", b'[{"type":"hover","at":1,"contentId":"x"},{"type":"stop","sessionId":"a","at":2}]', at=62)
    log.append(
        "playback", b'{"event":"start","sessionId":"a","contentId":"film"}', at=1, subject="ann", sessions=("a",)
    )
    log.append("logs", b'{"time":1,"session":"a","path":"/cdn/eu/film/1.m4s"}\n{"time":"never"}', at=63)
    log.append("feedback", b'{"like":1}', at=64)
    log.append("cmcd", cmcd_film("b", 4000), at=4061)


def test_events_and_views_are_in_the_lake(lake, memory_log, tmp_path):
    fill(memory_log)
    compact(tmp_path / "state", memory_log, lake, now=T + 90_000)
    assert memory_log.acknowledged == memory_log.records[-1].end
    assert [(row["session"], row["stalled_ms"], row["region"]) for row in rows_in(lake, "views")] == [
        ("a", 2000, "eu"), ("b", 2000, "eu"),
    ]  # fmt: skip
    assert [(row["session"], row["name"]) for row in rows_in(lake, "player")] == [("", "hover"), ("a", "stop")]
    assert [row["subject"] for row in rows_in(lake, "playback")] == ["ann"]
    assert [row["raw"] for row in rows_in(lake, "feedback")] == ['{"like":1}']
    assert [(row["session"], row["content_id"]) for row in rows_in(lake, "logs")] == [("a", "film"), ("", "")]
    hours = {one.partition.hour for one in map(parse_key, lake.list()) if one.partition.kind == "cmcd"}
    assert hours == {8, 9}


@pytest.mark.parametrize("step", range(9))
def test_each_event_is_there_once_wherever_the_flush_is_killed(folder_lake, memory_log, tmp_path, step):
    fill(memory_log)
    state = tmp_path / "state"
    compact(state, memory_log, folder_lake, now=T + 90_000, kill_at=step, records=3)
    memory_log.append("cmcd", cmcd_film("c", 5000), at=5061)
    # The next life reads further than the one that was killed, and is killed at the same step of its own flush.
    compact(state, memory_log, folder_lake, now=T + 90_001, kill_at=step)
    compact(state, memory_log, folder_lake, now=T + 200_000)
    identities = [(row["position"], row["number"]) for kind in ("cmcd", "player", "logs", "feedback", "playback")
                  for row in rows_in(folder_lake, kind)]  # fmt: skip
    assert len(identities) == len(set(identities)) == 5 * 3 + 2 + 2 + 1 + 1
    assert sorted(row["session"] for row in rows_in(folder_lake, "views")) == ["a", "b", "c"]


def test_a_view_that_is_open_at_a_flush_goes_on_after_a_restart(folder_lake, memory_log, tmp_path):
    lines = cmcd_film("a").split(b"\n")
    memory_log.append("cmcd", b"\n".join(lines[:3]), at=32)
    compact(tmp_path / "state", memory_log, folder_lake, now=T + 40)
    assert rows_in(folder_lake, "views") == []
    memory_log.append("cmcd", b"\n".join(lines[2:]), at=61)
    compact(tmp_path / "state", memory_log, folder_lake, now=T + 90_000)
    [row] = rows_in(folder_lake, "views")
    assert (row["stalls"], row["stalled_ms"], row["startup_ms"], row["played_ms"]) == (1, 2000, 1000, 57_000)


def test_views_that_close_while_no_record_comes_are_each_in_the_lake(folder_lake, memory_log, tmp_path):
    memory_log.append("cmcd", cmcd_film("a"), at=61)
    memory_log.append("cmcd", cmcd_film("b", 300), at=361)
    for now in (400, 1900, 2200):  # all are read; then one closes, and in the same hour the other
        compact(tmp_path / "state", memory_log, folder_lake, now=T + now)
    memory_log.append("cmcd", cmcd_film("c", 2201), at=2262)
    compact(tmp_path / "state", memory_log, folder_lake, now=T + 2300)
    assert sorted(row["session"] for row in rows_in(folder_lake, "views")) == ["a", "b"]


@pytest.mark.parametrize("step", range(3))
def test_views_are_there_once_where_a_flush_without_records_is_killed(folder_lake, memory_log, tmp_path, step):
    memory_log.append("cmcd", cmcd_film("a"), at=61)
    compact(tmp_path / "state", memory_log, folder_lake, now=T + 70)
    compact(tmp_path / "state", memory_log, folder_lake, now=T + 3000, kill_at=step)
    compact(tmp_path / "state", memory_log, folder_lake, now=T + 9000)  # another hour
    assert [row["session"] for row in rows_in(folder_lake, "views")] == ["a"]


def test_views_are_there_once_where_the_checkpoint_failed_and_the_hour_passed(folder_lake, memory_log, tmp_path):
    fails = iter([True, False])

    def fault(step):
        if step == "put" and next(fails, False):
            raise StorageFailed("the disk is full")

    memory_log.append("cmcd", cmcd_film("a"), at=61)
    compact(tmp_path / "state", memory_log, folder_lake, now=T + 70)
    compactor = Compactor(tmp_path / "state", memory_log, folder_lake, ViewBook("eu"), fault)
    compactor.open()
    with pytest.raises(StorageFailed):
        compactor.flush(T + 3000)
    compactor.flush(T + 9000)
    compactor.close()
    assert [row["session"] for row in rows_in(folder_lake, "views")] == ["a"]


def test_what_follows_a_page_of_erased_records_is_written_after_a_crash(folder_lake, memory_log, tmp_path):
    for number in range(2 * memory_log.page):
        memory_log.append("cmcd", cmcd_film(f"s{number}"), at=61)
    compact(tmp_path / "state", memory_log, folder_lake, now=T + 70, kill_at=0)
    memory_log.erased = {one.position for one in memory_log.records[: memory_log.page]}
    compact(tmp_path / "state", memory_log, folder_lake, now=T + 9000, records=0)
    assert {row["session"] for row in rows_in(folder_lake, "cmcd")} == {"s3", "s4", "s5"}


def test_two_logs_write_into_one_lake(folder_lake, tmp_path):
    for name in ("log-a", "log-b"):
        log = MemoryLog(name)
        log.append("cmcd", cmcd_film(name), at=61)
        compact(tmp_path / name, log, folder_lake, now=T + 90_000)
    assert sorted(row["session"] for row in rows_in(folder_lake, "views")) == ["log-a", "log-b"]


def test_a_folder_has_one_compactor_and_a_damaged_checkpoint_is_said(folder_lake, memory_log, tmp_path):
    one = Compactor(tmp_path, memory_log, folder_lake, ViewBook())
    one.open()
    with pytest.raises(StorageFailed, match="another compactor"):
        Compactor(tmp_path, memory_log, folder_lake, ViewBook()).open()
    one.close()
    (tmp_path / "checkpoint").write_bytes(b"\xc1")
    with pytest.raises(StorageFailed, match="damaged"):
        Compactor(tmp_path, memory_log, folder_lake, ViewBook()).open()


def test_a_log_keeps_its_name(tmp_path):
    assert source_name(tmp_path / "one") == source_name(tmp_path / "one") != source_name(tmp_path / "two")


def test_a_person_is_dropped_from_what_is_not_in_the_lake_yet(folder_lake, memory_log, tmp_path):
    fill(memory_log)
    compactor = Compactor(tmp_path / "state", memory_log, folder_lake, ViewBook())
    compactor.open()
    while compactor.read_some():
        pass
    assert compactor.forget_person(frozenset({"ann"}), frozenset()) == {"a"}
    compactor.flush(T + 90_000, always=True)
    compactor.close()
    assert [row["session"] for row in rows_in(folder_lake, "views")] == ["b"]
    assert {row["session"] for row in rows_in(folder_lake, "cmcd")} == {"b"}
    assert rows_in(folder_lake, "playback") == []
