"""The settings of upkeep, for the origin and for the commands that do it now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from kernel.settings.table import DURATION, SIZE, row_of, setting
from origin.upkeep.garbage import GarbagePolicy
from origin.upkeep.upkeep import UpkeepPolicy

YEAR = 365 * 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class UpkeepSettings:
    """The table. Programs take their rows from here, by `upkeep_setting`."""

    gc_every: float = setting(DURATION, "1d", "How often garbage is collected; 0: never.", most=YEAR)
    gc_grace: float = setting(
        DURATION,
        "1d",
        "How long what no publication names stays after its last write. Stop all ingests before you use less than 1h.",
        most=YEAR,
    )
    keep_superseded: float = setting(
        DURATION,
        "7d",
        "How long a publication stays playable after another one took its place.",
        least=3600,
        most=10 * YEAR,
    )
    master_retention: float = setting(
        DURATION, "0s", "How long masters, the uploaded films, are kept; 0: for ever.", most=100 * YEAR
    )
    scrub_every: float = setting(
        DURATION, "30d", "How often all objects are read and verified, and repaired from a copy; 0: never.", most=YEAR
    )
    scrub_rate: int = setting(SIZE, "20MiB", "Bytes per second that scrubbing reads; 0: as fast as possible.")
    cold_after: float = setting(
        DURATION,
        "30d",
        "How long after its last play a rendition moves to `cold_store`; whole days.",
        least=86400,
        most=10 * YEAR,
    )


class HasUpkeep(Protocol):
    """Settings with the rows of the table that a policy needs."""

    @property
    def gc_every(self) -> float: ...  # noqa: D102 (the table has the sentences)
    @property
    def gc_grace(self) -> float: ...  # noqa: D102
    @property
    def keep_superseded(self) -> float: ...  # noqa: D102
    @property
    def master_retention(self) -> float: ...  # noqa: D102
    @property
    def scrub_every(self) -> float: ...  # noqa: D102
    @property
    def scrub_rate(self) -> int: ...  # noqa: D102
    @property
    def cold_after(self) -> float: ...  # noqa: D102


def upkeep_setting(name: str) -> Any:
    """A field of a settings dataclass that is the row `name` of this table."""
    return row_of(UpkeepSettings, name)


def policy_of(settings: HasUpkeep) -> UpkeepPolicy:
    """As the settings say."""
    return UpkeepPolicy(
        garbage=GarbagePolicy(settings.gc_grace, settings.keep_superseded, settings.master_retention),
        garbage_every=settings.gc_every,
        scrub_every=settings.scrub_every,
        scrub_rate=settings.scrub_rate,
        cold_after=settings.cold_after,
    )
