"""`matinee recommend train`: fit a model to the stored feedback, and print how long that took.

A running service does its own fits, within seconds of new feedback. This command shows that the stored feedback can be
fitted, and at what cost.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from kernel.errors import BadSettings
from kernel.settings.table import DURATION, setting
from services.recommend import model
from services.recommend.store import FeedbackStore
from services.storage.location import data_setting, database_setting, locate_database, password_file_setting
from system.clock import SystemClock


@dataclass(frozen=True)
class TrainSettings:
    """`matinee recommend train`."""

    data: Path = data_setting()
    database: str | None = database_setting()
    database_password_file: Path | None = password_file_setting()
    trend_half_life: float = setting(
        DURATION, "3d", "Time after which an event has half its weight in the trends.", least=60
    )


SETTINGS = TrainSettings


def run(settings: TrainSettings) -> int:
    """Fit once, and print the result."""
    if not settings.data.is_dir():
        raise BadSettings("data", f"there is no folder {settings.data}")
    asyncio.run(_train(settings))
    return 0


async def _train(settings: TrainSettings) -> None:
    clock = SystemClock()
    store = FeedbackStore(locate_database(settings, "recommend"))
    await store.open()
    try:
        started = clock.mono()
        columns = await store.read_columns()
        read = clock.mono()
        fitted = model.fit(columns, clock.wall(), settings.trend_half_life)
        took = clock.mono() - started
    finally:
        await store.close()
    print(
        f"fitted {fitted.events} events of {len(columns.users)} users and {len(fitted.items)} titles "
        f"in {took:.2f} s (reading {read - started:.2f} s, fitting {took - read + started:.2f} s)"
    )
