"""The figures of a report that expectations may name and comparisons show: name, dimension, which way is better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Dimension(Enum):
    """What a figure measures; the value is the unit that reports use."""

    COUNT = ""
    SHARE = "share"
    TIME = "ms"
    RATE = "bit/s"
    BYTES = "B"


class Better(Enum):
    """Which way a figure improves."""

    LOWER = "lower"
    HIGHER = "higher"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure: `name` is its path in the report's JSON, with dots."""

    name: str
    dimension: Dimension
    better: Better
    sentence: str


_LOW, _HIGH, _SAME = Better.LOWER, Better.HIGHER, Better.NEITHER
METRICS = (
    Metric("players", Dimension.COUNT, _SAME, "Sessions that were played."),
    Metric("started", Dimension.COUNT, _HIGH, "Sessions that showed a first frame."),
    Metric("startupMs.p50", Dimension.TIME, _LOW, "Intent to play to first frame, median."),
    Metric("startupMs.p95", Dimension.TIME, _LOW, "Intent to play to first frame, 95th percentile."),
    Metric("startupMs.p99", Dimension.TIME, _LOW, "Intent to play to first frame, 99th percentile."),
    Metric("rebufferRatio.mean", Dimension.SHARE, _LOW, "Stalled time by stalled and played time, of all sessions."),
    Metric("rebufferRatio.p95", Dimension.SHARE, _LOW, "The ratio of the session at the 95th percentile."),
    Metric("rebuffersPer10Min", Dimension.COUNT, _LOW, "Stalls in ten minutes of film played."),
    Metric("longestStallMs.p95", Dimension.TIME, _LOW, "Each session's longest stall, 95th percentile."),
    Metric("longestStallMs.max", Dimension.TIME, _LOW, "The longest stall of any session."),
    Metric("bitrateMean", Dimension.RATE, _HIGH, "Mean bitrate of the rungs, by time on screen."),
    Metric("switchesMean", Dimension.COUNT, _LOW, "Changes of rung in a session that started."),
    Metric("pathwaySwitches", Dimension.COUNT, _SAME, "Moves to another edge or pathway."),
    Metric("startFailureShare", Dimension.SHARE, _LOW, "Sessions that failed before the first frame."),
    Metric("playbackFailureShare", Dimension.SHARE, _LOW, "Sessions that failed after the first frame."),
    Metric("exitBeforeStartShare", Dimension.SHARE, _LOW, "Sessions whose viewer left before the first frame."),
    Metric("refusedShare", Dimension.SHARE, _SAME, "Sessions that the platform refused."),
    Metric("errors", Dimension.COUNT, _LOW, "Errors that players saw, recovered ones too."),
    Metric("requests", Dimension.COUNT, _SAME, "Requests of players."),
    Metric("failedRequests", Dimension.COUNT, _LOW, "Requests of players that failed."),
    Metric("failedRequestShare", Dimension.SHARE, _LOW, "Their share."),
    Metric("bytes", Dimension.BYTES, _SAME, "Bytes of bodies that players received."),
    Metric("segmentTtfbMs.p50", Dimension.TIME, _LOW, "Segment request to first byte, median."),
    Metric("segmentTtfbMs.p99", Dimension.TIME, _LOW, "Segment request to first byte, 99th percentile."),
    Metric("hitRatio", Dimension.SHARE, _HIGH, "Edge responses from the cache, by all edge responses."),
    Metric("originRequests", Dimension.COUNT, _LOW, "Requests to the origin, by the shields' count."),
    Metric("originBodies", Dimension.COUNT, _LOW, "Those that it answered with a body: nothing was fetched by a 304."),
    Metric("originOffload", Dimension.SHARE, _HIGH, "Share of the players' bytes that the origin did not send."),
    Metric("objects", Dimension.COUNT, _SAME, "Different objects that players requested."),
    Metric("edgeCpuSeconds", Dimension.COUNT, _LOW, "CPU seconds of all edges."),
    Metric("generatorCpuShare", Dimension.SHARE, _SAME, "Share of a core that the busiest generator process used."),
    Metric("pacingErrorP95", Dimension.SHARE, _LOW, "How late or early segment requests were, by segment duration."),
)


def normalised(name: str) -> str:
    """The form in which names are compared: `startup p95` is `startupMs.p95`, whose unit is written with the value."""
    return "".join(filter(str.isalnum, name.replace("Ms.", "."))).lower()


BY_NAME: Mapping[str, Metric] = {normalised(metric.name): metric for metric in METRICS}


def value_of(report: Mapping[str, Any], metric: Metric) -> float | None:
    """The figure in a report; None when it was not measured."""
    found: Any = report
    for part in metric.name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None
