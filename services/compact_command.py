"""`matinee analytics compact`: writes the event log to the lake once, where no process of the services does it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernel.clock import Clock
from kernel.settings.store_address import StoreAddress
from kernel.settings.table import row_of
from services.adapters.analytics import EventLogForAnalytics
from services.settings import ServicesSettings
from system.clock import SystemClock


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactSettings:
    """`matinee analytics compact`."""

    data: Path = row_of(ServicesSettings, "data")  # noqa: RUF009 (it makes a field)
    lake: StoreAddress | None = row_of(ServicesSettings, "lake")  # noqa: RUF009
    lake_credentials: Path | None = row_of(ServicesSettings, "lake_credentials")  # noqa: RUF009
    region: str = row_of(ServicesSettings, "region")


SETTINGS = CompactSettings


def run(settings: CompactSettings) -> int:
    """Write what is in the log, and say how much it was. Raises StorageFailed where the services run analytics."""
    print(f"{compact(settings, SystemClock())} events are in the lake")
    return 0


def compact(settings: CompactSettings, clock: Clock, fault: Any = lambda _: None) -> int:
    """Read the log to its end; how many events were written. `fault(step)` is for tests that kill it there."""
    from services.analytics.lake.compactor import Compactor
    from services.analytics.lake.lake_store import open_lake
    from services.analytics.lake.source_name import source_name
    from services.analytics.views.view_book import ViewBook

    folder = settings.data / "analytics"
    lake = open_lake(settings.lake or StoreAddress(settings.data / "lake"), settings.lake_credentials, os.environ)
    source = EventLogForAnalytics(settings.data / "events", source_name(folder))
    compactor = Compactor(folder, source, lake, ViewBook(settings.region), fault)
    compactor.open()
    try:
        count = 0
        while compactor.read_some():
            if compactor.is_full:
                count += compactor.flush(clock.wall())
        return count + compactor.flush(clock.wall())
    finally:
        compactor.close()
