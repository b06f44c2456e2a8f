"""From Kafka to the lake: what was sent twice is there once, and a consumer goes on where it was."""

from services.analytics.kafka.cursor_file import CursorFile
from tests.services.analytics.kafka.pipeline import consume, fill, forward_all, identities


async def test_what_a_killed_forwarder_sends_again_is_in_the_lake_once(memory_log, folder_lake, cluster, tmp_path):
    fill(memory_log, 0, 10)
    await forward_all(memory_log, cluster, tmp_path)
    # Killed between Kafka's answer and the cursor: the cursor is as it was.
    CursorFile(tmp_path / "kafka.cursor").write(memory_log.records[4].position)
    await forward_all(memory_log, cluster, tmp_path)
    await consume(cluster, folder_lake, tmp_path, 50)
    fill(memory_log, 10, 2)
    await forward_all(memory_log, cluster, tmp_path)
    await consume(cluster, folder_lake, tmp_path, 60)
    found = identities(folder_lake)
    assert len(found) == len(set(found)) == 60
