"""The recommendations as one process serves them."""

import asyncio

from services.events.record import Kind, Record
from services.events.segment_log import SegmentLog


async def test_what_a_viewer_watched_to_the_middle_is_continued(start, fill, title, until, tmp_path, clock):
    await fill(*(title(f"t{number}") for number in range(5)))
    log = SegmentLog(tmp_path / "data" / "events", clock)
    log.open()
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(log.run())
        body = b'{"event":"stop","sessionId":"s","contentId":"t3","position":30,"duration":60,"open":31}'
        await log.append(Record(Kind.PLAYBACK, 1.0, body, "p-0123", ("s",), "DE"))
        writing.cancel()
    log.close()
    place = await start(default_country="DE")

    async def is_continued():
        rows = (await place.get("/recommendations/rows?userId=p-0123"))[1]
        return rows[0]["id"] == "continue-watching" and rows[0]["items"][0]["contentId"] == "t3"

    await until(is_continued)
