"""A partition whose broker does not answer."""

import asyncio

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError

from kernel.errors import StorageFailed
from services.analytics.kafka.partition_source import PartitionSource


class AwayConsumer:
    def seek(self, partition, offset):
        self.sought = offset

    async def getmany(self, partition, **_):
        raise KafkaConnectionError("no broker")

    async def commit(self, offsets):
        raise KafkaConnectionError("no broker")


async def test_a_read_that_fails_is_said_and_a_commit_that_fails_costs_nothing():
    consumer = AwayConsumer()
    source = PartitionSource(consumer, TopicPartition("Some_Topic", 4), asyncio.get_running_loop())
    assert source.name == "kafka-some-topic-4"
    with pytest.raises(StorageFailed, match="kafka-some-topic-4 cannot be read"):
        await asyncio.to_thread(source.read, 17)
    assert consumer.sought == 17
    await asyncio.to_thread(source.acknowledge, 17, 0.0)
