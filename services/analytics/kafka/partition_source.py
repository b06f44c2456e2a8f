"""One partition of a topic as a source of records for a compactor, whose checkpoint is the offset that counts.

A commit to Kafka follows each flush, for whoever watches the lag; nothing is read from it. The compactor runs in a
thread, and aiokafka in the event loop, so a read goes over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from kernel.errors import StorageFailed
from services.analytics.event_source import RecordPage
from services.analytics.kafka.messages import record_of

FETCH_MS = 500
MAX_RECORDS = 500
READ_SECONDS = 60.0

log = structlog.get_logger()
T = TypeVar("T")


class PartitionSource:
    """A partition that is assigned to the consumer. Calls block: never from the event loop's thread."""

    def __init__(self, consumer: AIOKafkaConsumer, partition: TopicPartition, loop: asyncio.AbstractEventLoop) -> None:
        self._consumer = consumer
        self._partition = partition
        self._loop = loop
        self._next = -1
        self.name = f"kafka-{partition.topic.lower().replace('_', '-')}-{partition.partition}"

    def read(self, cursor: int) -> RecordPage:
        """The next messages from an offset on. Raises StorageFailed."""
        return self._finish(self._fetch(cursor))

    def acknowledge(self, cursor: int, now: float) -> None:  # noqa: ARG002 (part of the interface)
        """Commit the offset; a failure is logged, and costs nothing."""
        try:
            self._finish(self._consumer.commit({self._partition: cursor}))
        except StorageFailed as error:
            log.warning("kafka-commit-failed", error=str(error))

    async def _fetch(self, cursor: int) -> RecordPage:
        if cursor != self._next:
            self._consumer.seek(self._partition, cursor)
        found = await self._consumer.getmany(self._partition, timeout_ms=FETCH_MS, max_records=MAX_RECORDS)
        messages = found.get(self._partition, [])
        records = [record_of(one.offset, one.value, one.headers, one.timestamp / 1000) for one in messages]
        self._next = records[-1].end if records else cursor
        return RecordPage(records, self._next)

    def _finish(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result(READ_SECONDS)
        except (KafkaError, TimeoutError) as error:
            raise StorageFailed(f"{self.name} cannot be read: {str(error) or type(error).__name__}") from error
