"""`matinee analytics consume`: what it has to be told."""

import pytest

from kernel.errors import BadSettings
from kernel.settings.table import resolve
from services import consume_command
from services.analytics.lake.lake_files import VIEWS, LakeFile, parse_key, partition_at
from services.analytics.lake.lake_store import FolderLake
from services.consume_command import ConsumeSettings, retention_rules
from services.retention import RetentionJob
from tests.doubles.clock import FakeClock
from tests.services.analytics.conftest import T


async def test_the_lake_that_it_writes_keeps_events_and_views_for_as_long_as_it_is_told(tmp_path):
    lake = FolderLake(tmp_path)
    for kind in ("cmcd", VIEWS):
        for hour in range(6):
            lake.put(LakeFile(partition_at(T + hour * 3600, kind), "kafka-t-0", hour, hour + 1).key, b"rows")
    settings = resolve(ConsumeSettings, flags={"lake_events_keep": ["1h"], "lake_views_keep": ["4h"]})
    await RetentionJob(retention_rules(lake, settings), FakeClock(T + 6 * 3600)).apply()
    kept = [parse_key(key).partition.kind for key in lake.list()]
    assert (kept.count("cmcd"), kept.count(VIEWS)) == (1, 4)


def test_it_has_to_know_the_brokers():
    with pytest.raises(BadSettings, match="kafka"):
        consume_command.run(resolve(ConsumeSettings, flags={}))


def test_partitions_can_be_divided_among_processes():
    settings = resolve(ConsumeSettings, flags={"kafka": ["127.0.0.1:9092"], "partitions": ["0,2"]})
    assert settings.partitions == (0, 2)
