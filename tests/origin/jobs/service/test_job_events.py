"""Server-sent events of a job."""

import json

from origin.jobs.job_graph import StepKind
from system.clock import SystemClock
from tests.origin.jobs.service.test_content_routes import ingest


async def events(answer):
    """(event, data) as they come."""
    block = []
    async for line in answer.content:
        text = line.decode().rstrip("\n")
        if text:
            block.append(text)
        elif block:
            fields = dict(one.split(": ", 1) for one in block)
            yield fields.get("event"), json.loads(fields["data"])
            block = []


async def test_from_the_queue_to_the_end(origin):
    """A state at once, then each change; the last event is `end`, and the stream is over."""
    content = await ingest(origin)
    job = (await origin.get(f"/content/{content}"))[1]["jobId"]
    async with origin.client.get(f"/content/jobs/{job}/events") as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        stream = events(answer)
        assert (await anext(stream))[1]["status"] == "QUEUED"
        lease = await origin.run(until=StepKind.VIDEO)
        assert (await anext(stream))[1]["status"] == "TRANSCODING"
        await origin.ingest.queue.extend(lease.token, 0.5, SystemClock.wall())
        assert (await anext(stream))[1]["progress"] > 0.1
        await origin.ingest.queue.finish(lease.token, SystemClock.wall())
        await origin.run()
        rest = [one async for one in stream]
    assert [name for name, _ in rest[:-1]] == ["progress"] * (len(rest) - 1)
    assert (rest[-1][0], rest[-1][1]["status"]) == ("end", "PUBLISHED")


async def test_a_job_that_has_ended_is_one_event(origin):
    content = await ingest(origin)
    job = (await origin.get(f"/content/{content}"))[1]["jobId"]
    await origin.client.delete(f"/content/jobs/{job}")
    answer = await origin.client.get(f"/content/jobs/{job}/events")
    assert [(name, data["status"]) async for name, data in events(answer)] == [("end", "CANCELLED")]
