"""From the log to Kafka: nothing lost and nothing twice, with errors and a broker down."""

from services.analytics.kafka.cursor_file import CursorFile
from tests.services.analytics.kafka.kafka_mock import NOT_ENOUGH_REPLICAS, NOT_LEADER, TIMED_OUT
from tests.services.analytics.kafka.pipeline import (
    consume,
    fill,
    forward_all,
    forwarder,
    identities,
    is_forwarded,
    running,
    until,
)


async def test_all_events_arrive_once_with_errors_and_a_broker_down(memory_log, folder_lake, cluster, tmp_path):
    memory_log.page = 20
    fill(memory_log, 0, 60)
    cluster.fail_produce(NOT_LEADER, TIMED_OUT, NOT_ENOUGH_REPLICAS, NOT_LEADER)
    await forward_all(memory_log, cluster, tmp_path)
    cluster.take_down(2)
    fill(memory_log, 60, 60)
    work = forwarder(memory_log, cluster, tmp_path)
    cursor = CursorFile(tmp_path / "kafka.cursor")
    async with running(work.run):
        await until(lambda: work.sent > 0 or cursor.read() < memory_log.records[-1].end)
        cluster.bring_up(2)
        await until(lambda: is_forwarded(memory_log, tmp_path))
    await consume(cluster, folder_lake, tmp_path, 600)
    found = identities(folder_lake)
    assert len(found) == len(set(found)) == 600
