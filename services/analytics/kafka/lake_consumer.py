"""Reads a topic of Kafka into the lake: a compactor for each partition, which is named, and checkpointed, by offsets.

Partitions are assigned by hand, because the open views of a partition lie in this process's folder: run one process, or
several with the partitions divided among them by the setting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from kernel.clock import Clock
from kernel.errors import StorageFailed
from services.analytics.kafka.partition_source import PartitionSource
from services.analytics.lake.compactor import Compactor
from services.analytics.lake.lake_store import LakeStore
from services.analytics.views.view_book import ViewBook
from system.clock import sleep
from system.threads import finish_in_thread

GROUP = "matinee-lake"
RETRY_SECONDS = 2.0
METADATA_SECONDS = 0.1
METADATA_TRIES = 100

log = structlog.get_logger()


class LakeConsumer:
    """Some or all partitions of a topic; `run` is its task."""

    def __init__(
        self, folder: Path, lake: LakeStore, clock: Clock, servers: str, topic: str, region: str,
        flush_seconds: float, partitions: Sequence[int] = (), **options: Any,
    ) -> None:  # fmt: skip
        """`partitions`: those to read, all where none is named; `options` are aiokafka's."""
        self._folder = folder
        self._lake = lake
        self._clock = clock
        self._topic = topic
        self._region = region
        self._flush_seconds = flush_seconds
        self._partitions = partitions
        self._options: dict[str, Any] = {"bootstrap_servers": servers} | options
        self._flush_at = 0.0
        self._compactors: list[Compactor] = []

    async def run(self) -> None:
        """Read and write until cancelled; what was read and not flushed is read again by the next start."""
        while True:
            try:
                await self._follow()
            except (TimeoutError, KafkaError, StorageFailed, OSError) as error:
                log.warning("kafka-away", error=str(error) or type(error).__name__, topic=self._topic)
                await sleep(self._clock, RETRY_SECONDS)

    async def _follow(self) -> None:
        consumer = AIOKafkaConsumer(
            **self._options, group_id=GROUP, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        try:
            await consumer.start()
            await self._assign(consumer)
            self._flush_at = self._clock.mono() + self._flush_seconds
            while True:
                await self.step()
        finally:
            for compactor in self._compactors:
                compactor.close()
            self._compactors = []
            await consumer.stop()

    async def _assign(self, consumer: AIOKafkaConsumer) -> None:
        known = await self._find_partitions(consumer)
        missing = set(self._partitions) - known
        if missing or not known:
            raise StorageFailed(f"the topic {self._topic} has no partition {min(missing, default=0)}")
        chosen = [TopicPartition(self._topic, one) for one in sorted(self._partitions or known)]
        consumer.assign(chosen)
        loop = asyncio.get_running_loop()
        for partition in chosen:
            source = PartitionSource(consumer, partition, loop)
            folder = self._folder / source.name
            compactor = Compactor(folder, source, self._lake, ViewBook(self._region))
            self._compactors.append(compactor)
            await finish_in_thread(compactor.open)

    async def _find_partitions(self, consumer: AIOKafkaConsumer) -> set[int]:
        """The topic's partitions; aiokafka asks for those of topics that it was assigned something of."""
        consumer.assign([TopicPartition(self._topic, 0)])
        for _ in range(METADATA_TRIES):
            known: set[int] | None = consumer.partitions_for_topic(self._topic)
            if known:
                return known
            await sleep(self._clock, METADATA_SECONDS)
        return set()

    async def step(self) -> int:
        """Read once from each partition, and flush when it is time; how many messages."""
        now = self._clock.mono()
        is_due = now >= self._flush_at
        if is_due:
            self._flush_at = now + self._flush_seconds
        taken = 0
        for compactor in self._compactors:
            if not compactor.is_full:
                taken += await finish_in_thread(compactor.read_some)
            if is_due or compactor.is_full:
                await finish_in_thread(compactor.flush, self._clock.wall())
        return taken
