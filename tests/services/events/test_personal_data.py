"""A person's traces in the event log: by their profile, and by the sessions that players report."""

import asyncio

import pytest

from services.events.personal_data import EventsOfPerson
from services.events.record import Kind, Record
from services.events.segment_log import SegmentLog
from tests.doubles.clock import FakeClock


@pytest.fixture
async def log(tmp_path):
    log = SegmentLog(tmp_path, FakeClock(), segment_bytes=400)
    log.open()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(log.run())
        yield log
        running.cancel()
    log.close()


async def fill(log):
    for subject, session in (("p-ann", "s-1"), ("p-bob", "s-2"), ("p-ann", "s-3")):
        started = Record(Kind.PLAYBACK, 1.0, f"start {subject} {session}".encode(), subject, (session,))
        await log.append(started)
        # Players name the session only.
        await log.append(Record(Kind.CMCD, 2.0, f"cmcd {session}".encode(), "", (session,)))


async def test_an_export_has_what_players_reported_of_the_persons_sessions(log):
    await fill(log)
    bodies = [record["body"] for record in await EventsOfPerson(log).export_person("a-ann", ["p-ann"])]
    assert bodies == ["start p-ann s-1", "cmcd s-1", "start p-ann s-3", "cmcd s-3"]


async def test_an_erasure_leaves_no_byte_of_the_person_and_all_of_the_others(log, tmp_path):
    await fill(log)
    person = EventsOfPerson(log)
    await person.erase_person("a-ann", ["p-ann"])
    files = b"".join(path.read_bytes() for path in tmp_path.glob("*.events"))
    assert not any(trace in files for trace in (b"p-ann", b"s-1", b"s-3"))
    assert [record["body"] for record in await person.export_person("", ["p-bob"])] == ["start p-bob s-2", "cmcd s-2"]
    await person.erase_person("a-ann", ["p-ann"])
