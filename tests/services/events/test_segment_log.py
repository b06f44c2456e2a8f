"""The event log at work: what an acknowledged append survives, and how the log stays bounded."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager

import pytest

from kernel.errors import Overloaded, StorageFailed
from services.events.record import Kind, Record, decode_record
from services.events.segment_log import Retention, SegmentLog
from services.events.segments import list_segments, read_page
from system.clock import SystemClock
from tests.doubles.clock import FakeClock


def event(text):
    return Record(Kind.PLAYER, 1_700_000_000.0, text.encode())


@asynccontextmanager
async def running(log):
    log.open()
    try:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(log.run())
            yield log
            task.cancel()
    finally:
        log.close()


def stored(folder, cursor=0):
    found = []
    while (page := read_page(folder, cursor)).records:
        found += [decode_record(record.payload).body.decode() for record in page.records if record.payload]
        cursor = page.cursor
    return found


async def test_appends_are_there_after_a_restart_in_their_order(tmp_path):
    for start in (0, 3):
        async with running(SegmentLog(tmp_path, FakeClock())) as log:
            for number in range(start, start + 3):
                await log.append(event(str(number)))
    assert stored(tmp_path) == ["0", "1", "2", "3", "4", "5"]


async def test_a_reader_waits_for_the_next_record(tmp_path):
    async with running(SegmentLog(tmp_path, FakeClock())) as log, asyncio.timeout(10):
        page, _ = await asyncio.gather(log.read(0), log.append(event("a")))
        assert [decode_record(record.payload).body for record in page.records] == [b"a"]


async def test_a_second_writer_is_refused(tmp_path):
    async with running(SegmentLog(tmp_path, FakeClock())):
        with pytest.raises(StorageFailed, match="written by another process"):
            SegmentLog(tmp_path, FakeClock()).open()


async def test_a_torn_tail_is_cut_and_positions_are_never_used_twice(tmp_path):
    async with running(SegmentLog(tmp_path, FakeClock(), segment_bytes=1_000)) as log:
        await log.append(event("a"))
        end = log.end
    [segment, *_] = list_segments(tmp_path)
    with segment.path.open("ab") as file:
        file.write(b"half a record")
    async with running(SegmentLog(tmp_path, FakeClock(), segment_bytes=1_000)) as log:
        assert log.end >= end + len(b"half a record")
        await log.append(event("b"))
    assert stored(tmp_path) == ["a", "b"]
    assert stored(tmp_path, end + 5) == ["b"]


async def test_a_consumer_that_was_switched_off_no_longer_holds_records_back(tmp_path):
    clock = FakeClock()
    async with running(SegmentLog(tmp_path, clock, Retention(keep_seconds=1.0), segment_bytes=100)) as log:
        log.cursors.acknowledge("recommend", 0, clock.wall())
        for number in range(5):
            await log.append(event(f"number {number} {'x' * 100}"))
        clock.move(6 * 86_400)
        await log.delete_old_segments()
        assert len(stored(tmp_path)) == 5
        clock.move(2 * 86_400)
        await log.delete_old_segments()
        assert len(stored(tmp_path)) < 5


async def test_a_failed_write_is_told_and_the_next_one_is_stored(tmp_path, monkeypatch):
    async with running(SegmentLog(tmp_path, FakeClock())) as log:
        await log.append(event("a"))
        real = os.fdatasync
        monkeypatch.setattr(os, "fdatasync", _raise_io_error)
        with pytest.raises(StorageFailed, match="cannot be written"):
            await log.append(event("lost"))
        monkeypatch.setattr(os, "fdatasync", real)
        await log.append(event("b"))
    assert stored(tmp_path) == ["a", "b"]


def _raise_io_error(_):
    raise OSError(5, "Input/output error")


async def test_a_log_that_nobody_reads_refuses_instead_of_losing(tmp_path):
    clock = FakeClock()
    retention = Retention(keep_seconds=1.0, max_bytes=3_000)
    async with running(SegmentLog(tmp_path, clock, retention, segment_bytes=500)) as log:
        log.cursors.acknowledge("recommend", 0, clock.wall())

        async def fill():
            for _ in range(100):
                await log.append(event("x" * 100))

        with pytest.raises(Overloaded, match="full"):
            await fill()
        assert await log.delete_old_segments() == 0
        log.cursors.acknowledge("recommend", log.end, clock.wall())
        assert await log.delete_old_segments() > 0
        await log.append(event("again"))
    assert stored(tmp_path)[-1] == "again"


async def test_erasure_reaches_every_file_and_no_other_persons_records(tmp_path):
    async with running(SegmentLog(tmp_path, FakeClock(), segment_bytes=300)) as log:
        for number in range(20):
            await log.append(event(f"{'ann' if number % 3 else 'bob'} {number}"))
        await log.erase(lambda payload: b"ann" in payload)
        await log.append(event("bob 99"))
    assert not any(b"ann" in path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert stored(tmp_path) == [f"bob {number}" for number in range(0, 20, 3)] + ["bob 99"]


WRITER = """
import asyncio, sys
from pathlib import Path
from services.events.record import Kind, Record
from services.events.segment_log import SegmentLog
from system.clock import SystemClock

async def main():
    log = SegmentLog(Path(sys.argv[1]), SystemClock(), segment_bytes=20_000)
    log.open()
    async def produce(name):
        for number in range(100_000):
            await log.append(Record(Kind.PLAYER, 1.0, f"{sys.argv[2]}-{name}-{number}".encode()))
            print(f"{sys.argv[2]}-{name}-{number}", flush=True)
    await asyncio.gather(log.run(), *(produce(name) for name in range(8)))

asyncio.run(main())
"""


@pytest.mark.parametrize("lines", [1, 40, 333])
def test_acknowledged_events_survive_a_kill_exactly_once(tmp_path, lines):
    acknowledged = []
    for run in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, tmp_path / "log", str(run)], stdout=subprocess.PIPE, text=True
        )
        acknowledged += [process.stdout.readline().strip() for _ in range(lines + run * 17)]
        process.send_signal(signal.SIGKILL)
        acknowledged += [line for line in process.communicate()[0].split("\n")[:-1] if line]
    found = stored(tmp_path / "log")
    assert len(found) == len(set(found))
    assert set(acknowledged) <= set(found)


async def test_stopping_while_a_flush_runs_answers_every_producer(tmp_path):
    log = SegmentLog(tmp_path, SystemClock())

    async def append_until_stopped(number, results):
        try:
            await log.append(event(str(number)))
            results[number] = "stored"
        except StorageFailed:
            results[number] = "refused"

    results = {}
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        async with running(log):
            for number in range(50):
                tasks.create_task(append_until_stopped(number, results))
            await asyncio.sleep(0)
    assert len(results) == 50
    assert {str(number) for number, result in results.items() if result == "stored"} <= set(stored(tmp_path))
