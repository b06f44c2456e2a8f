"""The sum of all sessions: quality of experience, requests by node and tier, and how the run went over time.

Totals are fed one `SessionRecord` at a time and merged, so their size depends on the number of groups, never on the
number of sessions. Definitions follow Mux's and Conviva's documents and CTA-2066: rebuffer ratio = stalled ÷ (stalled +
played), start-up time only of sessions that started; means are ratios of sums, never means of sessions' means.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from loadtest.histogram import Histogram
from loadtest.reports.timeline import Timeline
from loadtest.session import EndReason, Failure, RequestKey, RequestKind, RequestTotals, SessionRecord, Tier

MAX_GROUPS = 50
"""Values of one dimension that are shown apart; further ones are counted as `other`."""
MAX_REQUEST_KEYS = 2_000

DIMENSIONS = ("network", "device", "country")


@dataclass(slots=True)
class Quality:
    """Quality of experience of some sessions."""

    players: int = 0
    started: int = 0
    startup_s: Histogram = field(default_factory=Histogram)
    rebuffer_ratio: Histogram = field(default_factory=Histogram)
    """One value for each session that started."""
    longest_stall_s: Histogram = field(default_factory=Histogram)
    """The longest stall of each session that started; 0 where it had none."""
    played_s: float = 0.0
    stalled_s: float = 0.0
    stalls: int = 0
    switches: int = 0
    pathway_switches: int = 0
    errors: int = 0
    rungs_s: dict[int, float] = field(default_factory=dict)
    ends: dict[EndReason, int] = field(default_factory=dict)

    def count_session(self, record: SessionRecord) -> None:
        """Count one session that is over."""
        self.players += 1
        if record.startup_s is not None:
            self.startup_s.record(record.startup_s)
        if record.startup_s is not None or record.played_s > 0:
            self.started += 1
            self.rebuffer_ratio.record(record.rebuffer_ratio)
            self.longest_stall_s.record(max((stall.for_s for stall in record.stalls), default=0.0))
        self.played_s += record.played_s
        self.stalled_s += record.stalled_s
        self.stalls += record.stall_count
        self.switches += record.switches
        self.pathway_switches += record.pathway_switches
        self.errors += record.errors
        _add_all(self.rungs_s, record.rungs_s)
        self.ends[record.end] = self.ends.get(record.end, 0) + 1

    def merge(self, other: Quality) -> None:
        """Count everything that the other one has counted."""
        for name in ("players", "started", "played_s", "stalled_s", "stalls", "switches", "pathway_switches", "errors"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("startup_s", "rebuffer_ratio", "longest_stall_s"):
            getattr(self, name).merge(getattr(other, name))
        _add_all(self.rungs_s, other.rungs_s)
        for end, count in other.ends.items():
            self.ends[end] = self.ends.get(end, 0) + count

    @property
    def rebuffer_ratio_mean(self) -> float:
        """Stalled ÷ (stalled + played), over all sessions."""
        return ratio(self.stalled_s, self.stalled_s + self.played_s)

    @property
    def bitrate_mean_bps(self) -> float:
        """Mean rung by seconds on screen."""
        return ratio(sum(rung * seconds for rung, seconds in self.rungs_s.items()), sum(self.rungs_s.values()))

    def share_ended(self, *reasons: EndReason) -> float:
        """Share of all sessions that ended for one of the reasons."""
        return ratio(sum(self.ends.get(reason, 0) for reason in reasons), self.players)


@dataclass(slots=True)
class Totals:
    """Everything that a run's sessions add up to."""

    timeline: Timeline
    quality: Quality = field(default_factory=Quality)
    groups: dict[str, dict[str, Quality]] = field(default_factory=dict)
    """Quality by a name of DIMENSIONS and its value."""
    requests: dict[RequestKey, RequestTotals] = field(default_factory=dict)
    pacing_error: Histogram = field(default_factory=Histogram)

    def count_session(self, record: SessionRecord) -> None:
        """Count one session that is over."""
        self.quality.count_session(record)
        self.timeline.count_session(record)
        viewer = record.viewer
        for dimension, value in zip(
            DIMENSIONS, (viewer.network.name, viewer.device.name, viewer.country or "-"), strict=True
        ):
            self._group(dimension, value).count_session(record)
        self._count_requests(record.requests)
        self.pacing_error.merge(record.pacing_error)

    def merge(self, other: Totals) -> None:
        """Count everything that the other one has counted; both have the same timeline."""
        self.quality.merge(other.quality)
        self.timeline.merge(other.timeline)
        for dimension, values in other.groups.items():
            for value, quality in values.items():
                self._group(dimension, value).merge(quality)
        self._count_requests(other.requests)
        self.pacing_error.merge(other.pacing_error)

    def _group(self, dimension: str, value: str) -> Quality:
        values = self.groups.setdefault(dimension, {})
        if value not in values and len(values) >= MAX_GROUPS:
            value = "other"
        return values.setdefault(value, Quality())

    def _count_requests(self, requests: Mapping[RequestKey, RequestTotals]) -> None:
        for key, totals in requests.items():
            if key not in self.requests and len(self.requests) >= MAX_REQUEST_KEYS:
                key = key._replace(node="other")
            self.requests.setdefault(key, RequestTotals()).merge(totals)

    def requests_where(
        self, *, tier: Tier | None = None, node: str | None = None, failed: bool | None = None
    ) -> RequestTotals:
        """The requests that fit everything given, summed."""
        total = RequestTotals()
        for key, each in self.requests.items():
            if tier in (None, key.tier) and node in (None, key.node) and failed in (None, is_failed(key)):
                total.merge(each)
        return total

    def nodes(self) -> Iterator[tuple[str, Tier]]:
        """The (node, tier) pairs that answered, in order of their names."""
        yield from sorted({(key.node, key.tier) for key in self.requests})


def is_failed(key: RequestKey) -> bool:
    """Whether requests of this key failed. No platform need offer heartbeats and events: 404 for them is no failure."""
    if isinstance(key.outcome, Failure):
        return True
    is_optional = key.kind in (RequestKind.HEARTBEAT, RequestKind.EVENTS)
    return key.outcome >= 400 and not (is_optional and key.outcome in (404, 405, 501))


def ratio(part: float, whole: float) -> float:
    """part ÷ whole, 0 where there is nothing."""
    return part / whole if whole else 0.0


def _add_all(into: dict[int, float], more: Mapping[int, float]) -> None:
    for key, value in more.items():
        into[key] = into.get(key, 0.0) + value


def pack(totals: Totals) -> bytes:
    """Totals as MessagePack, for a worker to send."""
    return msgspec.msgpack.encode(totals)


def unpack(packed: bytes) -> Totals:
    """What `pack` packed. Raises msgspec.ValidationError when it is something else."""
    return msgspec.msgpack.decode(packed, type=Totals)
