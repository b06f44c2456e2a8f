"""The names of files, and which of them count."""

from services.analytics.lake.lake_files import (
    LakeFile,
    Partition,
    end_of,
    files_between,
    parse_key,
    partition_at,
    visible_files,
)

HOUR = Partition("2027-01-15", 8, "cmcd")
T = 1_800_000_000.0  # 2027-01-15 08:00:00 UTC


def file(start, end, partition=HOUR, source="log-a"):
    return LakeFile(partition, source, start, end)


def test_a_name_says_what_is_in_the_file():
    key = file(0, 4096).key
    assert key == "day=2027-01-15/hour=08/kind=cmcd/log-a-0000000000000000-0000000000001000.parquet"
    assert parse_key(key) == file(0, 4096)
    assert parse_key("day=2027-01-15/hour=08/kind=cmcd/x.parquet") is None
    assert parse_key("first") is None


def test_the_hour_is_when_it_came_in():
    assert partition_at(T + 3599, "cmcd") == HOUR
    assert partition_at(T + 3600, "cmcd").hour == 9
    assert end_of(HOUR) == T + 3600


def test_what_a_merged_file_spans_does_not_count():
    small, merged, later = [file(0, 10), file(10, 20)], file(0, 20), file(20, 30)
    assert visible_files([*small, later]) == [*small, later]
    assert visible_files([*small, later, merged]) == [merged, later]
    other = file(0, 10, source="log-b")
    assert visible_files([merged, other]) == [merged, other]


def test_files_of_a_range_are_those_whose_hour_touches_it():
    files = [file(0, 1, partition_at(T + 3600 * hour, "cmcd")) for hour in range(4)]
    assert [one.partition.hour for one in files_between(files, "cmcd", T + 3600, T + 7200)] == [9]
    assert [one.partition.hour for one in files_between(files, "cmcd", T + 3599, T + 7201)] == [8, 9, 10]
    assert files_between(files, "views", T, T + 9e9) == []
