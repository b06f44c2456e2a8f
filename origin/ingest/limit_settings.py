"""The settings of the limits of a film: rows that the origin's service and `matinee ingest` share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from kernel.settings.table import DURATION, INTEGER, SIZE, row_of, setting
from origin.ingest.limits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """The table. Programs take their rows from here, by `limit_setting`."""

    ingest_max_length: float = setting(DURATION, "12h", "The longest film that is encoded.", least=1)
    ingest_max_frames: int = setting(
        INTEGER, "2592000", "The most frames of a film, in its file and in a rendition.", least=1
    )
    ingest_max_streams: int = setting(INTEGER, "128", "The most streams of a film's file.", least=1, most=10_000)
    ingest_max_pixels: int = setting(
        INTEGER, "35651584", "The most pixels of a film's picture: 8192 x 4352.", least=256
    )
    ingest_max_output: int = setting(
        SIZE, "512GiB", "The most bytes of all renditions of a film together, at their peak rates.", least=1
    )


class HasLimits(Protocol):
    """Settings with the rows of the table."""

    @property
    def ingest_max_length(self) -> float: ...  # noqa: D102 (the table has the sentences)
    @property
    def ingest_max_frames(self) -> int: ...  # noqa: D102
    @property
    def ingest_max_streams(self) -> int: ...  # noqa: D102
    @property
    def ingest_max_pixels(self) -> int: ...  # noqa: D102
    @property
    def ingest_max_output(self) -> int: ...  # noqa: D102


def limit_setting(name: str) -> Any:
    """A field of a settings dataclass that is the row `name` of this table."""
    return row_of(LimitSettings, name)


def film_limits(settings: HasLimits) -> Limits:
    """The limits that the settings name."""
    return Limits(
        seconds=settings.ingest_max_length,
        frames=settings.ingest_max_frames,
        streams=settings.ingest_max_streams,
        pixels=settings.ingest_max_pixels,
        output_bytes=settings.ingest_max_output,
    )
