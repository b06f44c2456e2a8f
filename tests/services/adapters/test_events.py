"""The event log as the other services see it."""

import asyncio

from services.adapters.events import EventsForRecommend
from services.events.record import Kind, Record
from services.events.segment_log import SegmentLog
from services.recommend.signals import CURSOR, SignalReader
from services.recommend.store import FeedbackStore
from system.database.engine import DatabaseAddress
from tests.doubles.clock import FakeClock
from tests.services.recommend.test_signals import body


async def test_each_record_is_stored_once_whenever_the_reader_dies(tmp_path):
    clock = FakeClock()
    events = SegmentLog(tmp_path / "events", clock)
    events.open()
    store = FeedbackStore(DatabaseAddress(tmp_path / "recommend.sqlite3"))
    await store.open()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(events.run())
        for number in range(3):
            record = body(sessionId=f"s{number}", contentId=f"t{number}")
            await events.append(Record(Kind.PLAYBACK, 5.0, record, "p-1", (f"s{number}",), "DE"))
        source = EventsForRecommend(events, events.cursors, clock)
        reader = SignalReader(source, store, clock)
        cursor = await reader.read_once(0)
        assert await store.fact(CURSOR) == cursor
        assert events.cursors.read_all(clock.wall()) == {"recommend": cursor}
        await reader.read_once(0)  # a crash before the cursor was stored: the same records again
        assert len(await store.read_events(0, 10)) == 3
        running.cancel()
    assert {row[0] for row in await store.read_marks("p-1")} == {"t0", "t1", "t2"}
    await store.close()
    events.close()
