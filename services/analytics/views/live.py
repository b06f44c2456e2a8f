"""Quality of experience as it is now: what changed in the open views, in buckets of ten seconds. Pure.

Each look at the views that changed adds what their sums have grown by to the bucket of its moment, by each dimension.
Buckets, and the values of a dimension in them, are bounded: what is beyond counts under `other`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.analytics.views.failures import FailureClass
from services.analytics.views.quality import DIMENSIONS, Sums, describe_quality
from services.analytics.views.view import Outcome, ViewRow

BUCKET_SECONDS = 10
KEPT_BUCKETS = 90
MAX_VALUES = 200
"""Values of one dimension in a bucket."""
OTHER = "other"
MAX_STARTUPS = 500
"""Startup times that one value keeps in a bucket; percentiles of what is beyond are those of the first."""

_GROWING = ("played_ms", "stalled_ms", "sought_ms", "stalls", "errors", "switches", "kilobits", "rated_ms")


@dataclass(slots=True)
class Bucket:
    """Ten seconds. `sums` by dimension, then by value."""

    start: int
    sums: dict[str, dict[str, Sums]] = field(default_factory=lambda: {name: {} for name in DIMENSIONS})

    def sums_of(self, dimension: str, value: str) -> Sums:
        """The sums of a value, or of `other` where there are too many values."""
        values = self.sums[dimension]
        if value not in values:
            if len(values) >= MAX_VALUES:
                value = OTHER
            values.setdefault(value, Sums())
        return values[value]


class LiveQuality:
    """The newest buckets."""

    def __init__(self) -> None:
        self._buckets: deque[Bucket] = deque(maxlen=KEPT_BUCKETS)
        self._before: dict[str, ViewRow] = {}
        self._regions: set[str] = set()

    def observe(self, changed: Iterable[ViewRow], closed: Iterable[ViewRow], now: float) -> Mapping[str, Sums]:
        """Count the open views that changed and those that closed since the look before, at `now` (Unix seconds).

        Answers what grew since then, by region: of at most MAX_VALUES regions ever, as counters keep each for good, and
        anybody who reports can name one. What is beyond is of the region OTHER.
        """
        grown = Bucket(0)
        for row in changed:
            _count_growth(grown, row, self._before.get(row.session), is_closed=False)
            self._before[row.session] = row
        for row in closed:
            _count_growth(grown, row, self._before.pop(row.session, None), is_closed=True)
        bucket = self._bucket_at(now)
        for dimension, values in grown.sums.items():
            for value, sums in values.items():
                _merge(bucket.sums_of(dimension, value), sums)
        by_region: dict[str, Sums] = {}
        for region, sums in grown.sums["region"].items():
            if len(self._regions) < MAX_VALUES:
                self._regions.add(region)
            _merge(by_region.setdefault(region if region in self._regions else OTHER, Sums()), sums)
        return by_region

    def forget_sessions(self, sessions: Iterable[str]) -> None:
        """Forget the views of sessions; what they added to the sums stays, as it names nobody."""
        for session in sessions:
            self._before.pop(session, None)

    def _bucket_at(self, now: float) -> Bucket:
        start = int(now // BUCKET_SECONDS) * BUCKET_SECONDS
        if not self._buckets or self._buckets[-1].start < start:
            self._buckets.append(Bucket(start))
        return self._buckets[-1]

    def report(self, dimension: str, seconds: float, now: float) -> list[dict[str, Any]]:
        """One row for each value of the dimension over the last seconds."""
        since = now - seconds
        found: dict[str, Sums] = {}
        for bucket in self._buckets:
            if bucket.start + BUCKET_SECONDS <= since:
                continue
            for value, sums in bucket.sums[dimension].items():
                _merge(found.setdefault(value, Sums()), sums)
        return [{dimension: value} | describe_quality(sums) for value, sums in sorted(found.items())]

    def series(self, dimension: str, value: str) -> list[dict[str, Any]]:
        """One row for each bucket of one value, oldest first."""
        return [
            {"at": bucket.start} | describe_quality(bucket.sums[dimension].get(value, Sums()))
            for bucket in self._buckets
        ]


def _count_growth(bucket: Bucket, row: ViewRow, before: ViewRow | None, *, is_closed: bool) -> None:
    if row.outcome == Outcome.UNREPORTED:
        return
    for dimension, column in DIMENSIONS.items():
        sums = bucket.sums_of(dimension, str(getattr(row, column)))
        for name in _GROWING:
            grown = getattr(row, name) - (getattr(before, name) if before is not None else 0)
            setattr(sums, name, getattr(sums, name) + max(0, grown))
        _count_outcome(sums, row, before, is_closed=is_closed)


def _count_outcome(sums: Sums, row: ViewRow, before: ViewRow | None, *, is_closed: bool) -> None:
    was = before.outcome if before is not None and before.outcome != Outcome.UNREPORTED else ""
    is_first = row.part == 0
    sums.views += is_first and not was
    has_started, had_started = row.outcome in _STARTED, was in _STARTED
    sums.starts += is_first and has_started and not had_started
    is_new_startup = is_first and row.startup_ms >= 0 and (before is None or before.startup_ms < 0)
    if is_new_startup and len(sums.startups) < MAX_STARTUPS:
        sums.startups.append(row.startup_ms)
    is_business = row.failure_class == FailureClass.BUSINESS
    if row.outcome == Outcome.START_FAILURE != was:
        sums.start_failures_business += is_business
        sums.start_failures_technical += not is_business
    if row.outcome == Outcome.PLAYBACK_FAILURE != was:
        sums.playback_failures_business += is_business
        sums.playback_failures_technical += not is_business
    # A view that has not started is an exit only once it is over.
    sums.exits += is_closed and is_first and row.outcome == Outcome.EXIT_BEFORE_START


_STARTED = (Outcome.PLAYED, Outcome.PLAYBACK_FAILURE)
_FIELDS: Mapping[str, None] = dict.fromkeys(name for name in Sums.__struct_fields__ if name != "startups")


def _merge(into: Sums, sums: Sums) -> None:
    for name in _FIELDS:
        setattr(into, name, getattr(into, name) + getattr(sums, name))
    into.startups += sums.startups[: max(0, MAX_STARTUPS - len(into.startups))]
