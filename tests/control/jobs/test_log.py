"""The log as a replica holds it, and what an edge is told of it."""

import json

import pytest

from control.jobs import log as job_log
from control.jobs.log import JobLog, LogEntry, last_sent, merged_contents
from kernel.fleet.messages import NOTHING, PREFETCH, PURGE, Job, Jobs, Version

EPOCH = "e"


def entry(seq: int, kind: str = PURGE, content: bytes = b'{"all":true}', refers: tuple[int, ...] = ()) -> LogEntry:
    return LogEntry(Job(seq, kind, content), float(seq), refers)


@pytest.fixture
def log() -> JobLog:
    made = JobLog()
    made.restart(EPOCH, 0)
    made.add_entries(entry(seq) for seq in range(1, 6))
    return made


def test_only_what_comes_next_is_taken(log: JobLog):
    assert [one.job.seq for one in log.add_entries([entry(5), entry(6), entry(8)])] == [6]
    assert (log.head, log.get(6), log.get(8)) == (6, entry(6), None)


@pytest.mark.parametrize(("name", "most", "floor"), [("MAX_ENTRIES", 3, 3), ("MAX_BYTES", 13, 5)])
def test_the_latest_are_kept(log: JobLog, monkeypatch, name: str, most: int, floor: int):
    monkeypatch.setattr(job_log, name, most)
    log.add_entries([entry(6)])
    assert log.floor == floor


@pytest.mark.parametrize(
    ("mark", "limit", "said"),
    [
        (Version(EPOCH, 5), 5, (0, 5, [])), (Version(EPOCH, 3), 5, (0, 5, [4, 5])), (Version(EPOCH, 3), 4, (0, 4, [4])),
        (Version(EPOCH, 4), 2, (0, 4, [])), (NOTHING, 5, (1, 5, [])), (Version("old", 9), 3, (10, 3, [])),
        (Version(EPOCH, 9), 5, (10, 5, [])),
    ],
)  # fmt: skip
def test_what_an_edge_is_told_first(log: JobLog, mark: Version, limit: int, said: tuple):
    jobs = log.first_message(mark, limit)
    assert (jobs.floor, jobs.head, [one.seq for one in jobs.entries]) == said


def test_what_it_is_told_next(log: JobLog, monkeypatch):
    assert log.next_message(5, 5) is None
    assert log.next_message(5, 3) is None
    monkeypatch.setattr(job_log, "MAX_ENTRIES_PER_MESSAGE", 2)
    said = log.next_message(1, 5)
    assert said is not None
    assert [one.seq for one in said.entries] == [2, 3]
    assert last_sent(said, 1) == 3
    monkeypatch.setattr(job_log, "MAX_BYTES_PER_MESSAGE", 1)
    assert [one.job.seq for one in log.entries_after(3, 5)] == [4]


def test_one_that_the_log_outran_is_told_so(log: JobLog, monkeypatch):
    monkeypatch.setattr(job_log, "MAX_ENTRIES", 1)
    log.add_entries([entry(6)])
    said = log.next_message(2, 6)
    assert said == Jobs(EPOCH, 5, 6)
    assert last_sent(said, 2) == 6
    assert last_sent(Jobs(EPOCH, 0, 6), 6) == 6


def test_which_jobs_wait_for_shields():
    assert [
        entry(1).waits_for_shields,
        entry(1, PREFETCH).waits_for_shields,
        entry(2, refers=(1,)).waits_for_shields,
    ] == [True, False, False]


def test_a_repetition_reaches_what_all_did():
    purges = [entry(seq, content=json.dumps({"keys": [key]}).encode()) for seq, key in ((1, "a"), (2, "b"))]
    assert merged_contents(purges, 10) == [b'{"keys":["a","b"]}']
    assert merged_contents([*purges, entry(3)], 10) == [b'{"all":true}']


def test_it_begins_anew(log: JobLog):
    log.restart("f", 5)
    assert (log.epoch, log.floor, log.head, log.get(5)) == ("f", 5, 5, None)
