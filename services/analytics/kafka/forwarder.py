"""Sends the event log to a topic of Kafka, in order, at least once; consumers leave out what was sent twice.

It follows the log by a cursor of its own, so nothing at the door waits for it. While Kafka is away it waits, and the
log keeps what was not sent.
"""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from kernel.clock import Clock
from kernel.errors import StorageFailed
from services.analytics.event_source import RecordSource
from services.analytics.kafka.cursor_file import CursorFile
from services.analytics.kafka.messages import message_of
from system.clock import sleep

IDLE_SECONDS = 0.5
RETRY_SECONDS = 2.0
REQUEST_MS = 10_000
MAX_MESSAGE_BYTES = 2 << 20

log = structlog.get_logger()


class KafkaForwarder:
    """One log's way to a topic; `run` is its task."""

    def __init__(
        self, source: RecordSource, cursor: CursorFile, clock: Clock, servers: str, topic: str, **options: Any
    ) -> None:
        """`servers`: HOST:PORT,…; `options` are aiokafka's, such as TLS."""
        self._source = source
        self._cursor = cursor
        self._clock = clock
        self._topic = topic
        self._options: dict[str, Any] = {"bootstrap_servers": servers} | options
        self.sent = 0

    async def run(self) -> None:
        """Forward until cancelled."""
        while True:
            try:
                await self._follow()
            except (TimeoutError, KafkaError, StorageFailed, OSError) as error:
                log.warning("kafka-away", error=str(error) or type(error).__name__, topic=self._topic)
                await sleep(self._clock, RETRY_SECONDS)

    async def _follow(self) -> None:
        producer = AIOKafkaProducer(
            **self._options,
            enable_idempotence=True,
            acks="all",
            request_timeout_ms=REQUEST_MS,
            max_request_size=MAX_MESSAGE_BYTES,
            compression_type="gzip",
        )
        try:
            await producer.start()
            while True:
                if not await self._forward_some(producer):
                    await sleep(self._clock, IDLE_SECONDS)
        finally:
            await producer.stop()

    async def _forward_some(self, producer: AIOKafkaProducer) -> int:
        """Send the next records, and move the cursor once Kafka has them all; how many."""
        cursor = await asyncio.to_thread(self._cursor.read)
        page = await asyncio.to_thread(self._source.read, cursor)
        waiting = []
        for record in page.records:
            message = message_of(record, self._source.name)
            waiting.append(
                await producer.send(self._topic, key=message.key, value=message.value, headers=message.headers)
            )
        if waiting:
            await asyncio.gather(*waiting)
        if page.cursor != cursor:
            await asyncio.to_thread(self._cursor.write, page.cursor)
            await asyncio.to_thread(self._source.acknowledge, page.cursor, self._clock.wall())
        self.sent += len(waiting)
        return len(waiting)
