"""From a log in memory through Kafka to a lake, for tests of either end."""

import asyncio
from contextlib import asynccontextmanager

from services.analytics.kafka.cursor_file import CursorFile
from services.analytics.kafka.forwarder import KafkaForwarder
from services.analytics.kafka.lake_consumer import LakeConsumer
from services.analytics.lake.lake_files import parse_key, visible_files
from services.analytics.lake.parquet_rows import decode_parquet
from tests.doubles.clock import FakeClock
from tests.services.analytics.conftest import T, cmcd_film

TOPIC = "matinee-events"
RETRY = {"retry_backoff_ms": 20, "metadata_max_age_ms": 500}


@asynccontextmanager
async def running(work):
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work())
        try:
            yield
        finally:
            task.cancel()


async def until(condition):
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.02)


def forwarder(log, cluster, tmp_path):
    clock = FakeClock(T, real_timers=True)
    return KafkaForwarder(log, CursorFile(tmp_path / "kafka.cursor"), clock, cluster.servers, TOPIC, **RETRY)


async def forward_all(log, cluster, tmp_path):
    work = forwarder(log, cluster, tmp_path)
    async with running(work.run):
        await until(lambda: is_forwarded(log, tmp_path))


def is_forwarded(log, tmp_path):
    """Whether all is in Kafka, by the cursor, and the log knows it, which is told afterwards."""
    end = log.records[-1].end
    return CursorFile(tmp_path / "kafka.cursor").read() == end == log.acknowledged


async def consume(cluster, lake, tmp_path, count):
    """Read the topic into the lake until so many events are in it."""
    clock = FakeClock(T + 90_000, real_timers=True)
    consumer = LakeConsumer(tmp_path / "state", lake, clock, cluster.servers, TOPIC, "eu", 0.0, **RETRY)
    async with running(consumer.run):
        await until(lambda: len(identities(lake)) >= count)


def identities(lake):
    files = [one for one in map(parse_key, lake.list()) if one is not None and one.partition.kind == "cmcd"]
    rows = [row for one in visible_files(files) for row in decode_parquet(lake.get(one.key)).to_pylist()]
    return [(row["session"], row["sequence"]) for row in rows]


def fill(log, first, count):
    for number in range(first, first + count):
        log.append("cmcd", cmcd_film(f"s{number}"), at=61, sessions=(f"s{number}",))
