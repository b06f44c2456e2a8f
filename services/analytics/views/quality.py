"""Quality of experience from view rows: the definitions, and what one row of a report says. Pure.

Every ratio is a ratio of sums, never a mean of the views' own ratios: a view of ten seconds with one stall must not
weigh as much as a film. DuckDB and Spark compute the same from the lake (`lake.quality_sql`); this is the reference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from typing import Any

from msgspec import Struct, field

from services.analytics.views.failures import FailureClass
from services.analytics.views.view import Outcome, ViewRow

DIMENSIONS: Mapping[str, str] = {
    "title": "content_id",
    "region": "region",
    "country": "country",
    "edge": "edge",
    "player": "player",
    "device": "device",
    "version": "app_version",
}
"""What a report may be grouped by, and the column of the view row."""
PERCENTILES = (0.5, 0.95)


class Sums(Struct):
    """What views add up to. Times in milliseconds. A further part of a view adds its times, and is no view."""

    views: int = 0
    starts: int = 0
    exits: int = 0
    start_failures_technical: int = 0
    start_failures_business: int = 0
    playback_failures_technical: int = 0
    playback_failures_business: int = 0
    played_ms: int = 0
    stalled_ms: int = 0
    sought_ms: int = 0
    stalls: int = 0
    errors: int = 0
    switches: int = 0
    kilobits: float = 0.0
    rated_ms: int = 0
    startups: list[int] = field(default_factory=list)

    def add_row(self, row: ViewRow) -> None:
        """Add a view; one that no player reported is left out."""
        if row.outcome == Outcome.UNREPORTED:
            return
        is_first = row.part == 0
        is_business = row.failure_class == FailureClass.BUSINESS
        self.views += is_first
        self.exits += row.outcome == Outcome.EXIT_BEFORE_START and is_first
        self.starts += is_first and row.outcome in (Outcome.PLAYED, Outcome.PLAYBACK_FAILURE)
        if row.outcome == Outcome.START_FAILURE:
            self.start_failures_business += is_business
            self.start_failures_technical += not is_business
        elif row.outcome == Outcome.PLAYBACK_FAILURE:
            self.playback_failures_business += is_business
            self.playback_failures_technical += not is_business
        self.played_ms += row.played_ms
        self.stalled_ms += row.stalled_ms
        self.sought_ms += row.sought_ms
        self.stalls += row.stalls
        self.errors += row.errors
        self.switches += row.switches
        self.kilobits += row.kilobits
        self.rated_ms += row.rated_ms
        if is_first and row.startup_ms >= 0:
            self.startups.append(row.startup_ms)


def describe_quality(sums: Sums, percentiles: Mapping[str, int | None] | None = None) -> dict[str, Any]:
    """One row of a report. `percentiles` of the startup time in ms, where another engine computed them."""
    played, watched = sums.played_ms, sums.played_ms + sums.stalled_ms
    if percentiles is None:
        percentiles = {f"p{share * 100:.0f}": percentile(sums.startups, share) for share in PERCENTILES}
    technical, business = sums.start_failures_technical, sums.start_failures_business
    return {
        "views": sums.views,
        "starts": sums.starts,
        "exitsBeforeStart": sums.exits,
        "startFailures": technical + business,
        "startFailuresTechnical": technical,
        "startFailuresBusiness": business,
        "startupMs": dict(percentiles),
        "playbackFailures": sums.playback_failures_technical + sums.playback_failures_business,
        "playbackFailuresTechnical": sums.playback_failures_technical,
        "playbackFailuresBusiness": sums.playback_failures_business,
        "rebufferRatio": _ratio(sums.stalled_ms, watched, 6),
        "rebuffersPer10Min": _ratio(sums.stalls * 600_000, watched, 4),
        "seekWaitRatio": _ratio(sums.sought_ms, watched + sums.sought_ms, 6),
        "playbackErrorsPerMinute": _ratio(sums.errors * 60_000, watched, 4),
        "switchesPer10Min": _ratio(sums.switches * 600_000, watched, 4),
        "bitrateMean": round(sums.kilobits * 1_000_000 / sums.rated_ms) if sums.rated_ms else None,
        "playedMs": played,
        "stalledMs": sums.stalled_ms,
    }


def _ratio(above: float, below: float, digits: int) -> float | None:
    """None where nothing was watched: no ratio is not a good one."""
    return round(above / below, digits) if below else None


def percentile(values: Sequence[int], share: float) -> int | None:
    """The nearest-rank percentile: the smallest value that at least this share of the values do not exceed."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def roll_up(rows: Iterable[ViewRow], dimension: str) -> dict[str, Sums]:
    """The sums of each value of a dimension, a column of the view row."""
    found: dict[str, Sums] = {}
    for row in rows:
        key = str(getattr(row, dimension))
        if key not in found:
            found[key] = Sums()
        found[key].add_row(row)
    return found


MAX_MINUTES = 600


def minute_counts(positions: Iterable[float]) -> dict[int, int]:
    """How many views ended in each minute of the title."""
    counts: dict[int, int] = {}
    for position in positions:
        minute = min(MAX_MINUTES, int(position // 60))
        counts[minute] = counts.get(minute, 0) + 1
    return counts


def describe_drop_off(counts: Mapping[int, int], duration: float) -> dict[str, Any]:
    """The report from the number of views that ended in each minute; `duration` of the title in seconds, -1 unknown."""
    total = sum(counts.values())
    minutes, still = [], total
    for minute in range(max(counts, default=-1) + 1):
        left = counts.get(minute, 0)
        minutes.append({"minute": minute, "watching": round(still / total, 4), "left": left})
        still -= left
    return {"views": total, "durationSeconds": duration if duration >= 0 else None, "minutes": minutes}
