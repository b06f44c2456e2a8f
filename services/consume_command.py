"""`matinee analytics consume`: writes the events of a topic of Kafka to the lake, until it is stopped."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from kernel.errors import BadSettings
from kernel.settings.store_address import StoreAddress
from kernel.settings.table import INTEGER, row_of, setting
from services.retention import RetentionJob, RetentionRule
from services.settings import ServicesSettings
from system.clock import SystemClock
from system.json_log import log_json_lines
from system.threads import finish_in_thread

if TYPE_CHECKING:
    from services.analytics.lake.lake_store import LakeStore


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumeSettings:
    """`matinee analytics consume`."""

    data: Path = row_of(ServicesSettings, "data")  # noqa: RUF009 (it makes a field)
    lake: StoreAddress | None = row_of(ServicesSettings, "lake")  # noqa: RUF009
    lake_credentials: Path | None = row_of(ServicesSettings, "lake_credentials")  # noqa: RUF009
    lake_flush: float = row_of(ServicesSettings, "lake_flush")
    lake_events_keep: float = row_of(ServicesSettings, "lake_events_keep")
    lake_views_keep: float = row_of(ServicesSettings, "lake_views_keep")
    kafka: str | None = row_of(ServicesSettings, "kafka")
    kafka_topic: str = row_of(ServicesSettings, "kafka_topic")
    partitions: tuple[int, ...] = setting(
        INTEGER, None, "The partitions that this process reads; not set: all.", least=0, most=100_000, many=True
    )
    region: str = row_of(ServicesSettings, "region")


SETTINGS = ConsumeSettings


def run(settings: ConsumeSettings) -> int:
    """Read until SIGTERM or SIGINT."""
    if settings.kafka is None:
        raise BadSettings("kafka", "is missing: it names the brokers")
    log_json_lines()
    asyncio.run(_consume(settings, settings.kafka))
    return 0


async def _consume(settings: ConsumeSettings, servers: str) -> None:
    from services.analytics.kafka.lake_consumer import LakeConsumer
    from services.analytics.lake.lake_store import open_lake

    lake = open_lake(settings.lake or StoreAddress(settings.data / "lake"), settings.lake_credentials, os.environ)
    consumer = LakeConsumer(
        settings.data / "analytics", lake, SystemClock(), servers, settings.kafka_topic, settings.region,
        settings.lake_flush, settings.partitions or (),
    )  # fmt: skip
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with asyncio.TaskGroup() as group:
        retention = RetentionJob(retention_rules(lake, settings), SystemClock())
        tasks = [group.create_task(work()) for work in (consumer.run, retention.run)]
        await stop.wait()
        for task in tasks:
            task.cancel()


def retention_rules(lake: LakeStore, settings: ConsumeSettings) -> list[RetentionRule]:
    """How long the lake keeps events and views; the services do it only for the lake that they write."""
    from services.analytics.lake.lake_upkeep import delete_before

    def rule(what: str, seconds: float, *, views: bool) -> RetentionRule:
        async def delete(moment: float) -> int:
            return await finish_in_thread(partial(delete_before, lake, moment, views=views))

        return RetentionRule(what, seconds, delete)

    return [
        rule("lake-events", settings.lake_events_keep, views=False),
        rule("lake-views", settings.lake_views_keep, views=True),
    ]
