"""The figures of one node over a run: counters that may start again from zero, gauges with their peaks. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from loadtest.reports.timeline import PARTS


class NodeRole(StrEnum):
    """What a node does for the players."""

    EDGE = "edge"
    SHIELD = "shield"
    ORIGIN = "origin"
    CONTROL = "control"
    SERVICES = "services"


@dataclass(frozen=True, slots=True)
class Node:
    """A node that may be asked. `stats` and `metrics` are URLs; `pid` is a process of this machine."""

    name: str
    role: NodeRole
    stats: str | None = None
    metrics: str | None = None
    pid: int | None = None
    listen: tuple[str, int] | None = None
    """Where it serves players, on this machine."""


COUNTERS = ("requests", "hits", "misses", "fills", "bodies", "bytes_sent", "bytes_filled", "cpu_s")
GAUGES = ("connections", "socket_bytes", "rss_bytes", "anon_bytes", "ram_bytes", "disk_bytes", "objects")


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a node. A figure that could not be read is None. `at_s` is story time since the run's start.

    `hits` are responses from the cache, stale ones included; `misses` the others; `fills` are requests to upstream, of
    which a shield sends one for all viewers, and which count what was prefetched too. `bodies` are an origin's
    responses with a body: it answers 304 where a cache asks whether a playlist is still current. `anon_bytes` is
    memory besides files and shared memory, where Matinee's caches lie.
    """

    at_s: float
    requests: float | None = None
    hits: float | None = None
    misses: float | None = None
    fills: float | None = None
    bodies: float | None = None
    bytes_sent: float | None = None
    bytes_filled: float | None = None
    cpu_s: float | None = None
    connections: float | None = None
    socket_bytes: float | None = None
    """What its connections hold in the kernel."""
    rss_bytes: float | None = None
    anon_bytes: float | None = None
    ram_bytes: float | None = None
    disk_bytes: float | None = None
    objects: float | None = None


@dataclass(slots=True)
class Series:
    """What a node did in each part of the run, and in all of it. A node that restarts counts from zero again."""

    node: Node
    seconds: float
    parts: dict[str, list[float]] = field(default_factory=dict)
    """The increase of each counter in each of PARTS parts of the run."""
    risen: dict[str, float] = field(default_factory=dict)
    """The increase of each counter in the whole run."""
    first: dict[str, float] = field(default_factory=dict)
    """Each gauge at the first look."""
    peak: dict[str, float] = field(default_factory=dict)
    samples: int = 0
    missed: int = 0
    """Looks at which the node did not answer."""
    _last: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Each counter's last value, and when it was read."""

    def add_sample(self, sample: Sample) -> None:
        """Count one look; looks come in order of time."""
        self.samples += 1
        for name in COUNTERS:
            value = getattr(sample, name)
            if value is None:
                continue
            last, since_s = self._last.get(name, (value, sample.at_s))
            increase = value - last if value >= last else value
            self.risen[name] = self.risen.get(name, 0.0) + increase
            self._spread(name, increase, since_s, sample.at_s)
            self._last[name] = (value, sample.at_s)
        for name in GAUGES:
            value = getattr(sample, name)
            if value is not None:
                self.first.setdefault(name, value)
                self.peak[name] = max(self.peak.get(name, 0.0), value)
        if all(getattr(sample, name) is None for name in ("requests", "cpu_s")):
            self.missed += 1

    def _spread(self, name: str, increase: float, since_s: float, until_s: float) -> None:
        """Add a counter's increase evenly to the parts between two looks."""
        parts = self.parts.setdefault(name, [0.0] * PARTS)
        first, last = (min(PARTS - 1.0, max(0.0, at / self.seconds * PARTS)) for at in (since_s, until_s))
        if int(first) == int(last):
            parts[int(last)] += increase
            return
        for part in range(int(first), int(last) + 1):
            parts[part] += increase * (min(last, part + 1) - max(first, part)) / (last - first)

    def total(self, counter: str) -> float | None:
        """How much a counter rose during the run; None when it was never read."""
        return self.risen.get(counter)


def total_of(series: Iterable[Series], role: NodeRole, counter: str) -> float | None:
    """A counter's rise over all nodes of a role; None when none of them could be read."""
    found = [total for each in series if each.node.role is role and (total := each.total(counter)) is not None]
    return sum(found) if found else None


def busiest(series: Iterable[Series], role: NodeRole) -> str | None:
    """The node of a role that sent the most bytes so far; the first by name when all are equal."""
    names = sorted((-(each.total("bytes_sent") or 0.0), each.node.name) for each in series if each.node.role is role)
    return names[0][1] if names else None


def busiest_region(series: Iterable[Series], regions: Mapping[str, str]) -> str:
    """The region whose edges sent the most bytes so far, the first that `regions` (edge → region) names at a draw."""
    sent = dict.fromkeys(regions.values(), 0.0)
    for each in series:
        if each.node.name in regions:
            sent[regions[each.node.name]] += each.total("bytes_sent") or 0.0
    return max(sent, key=lambda region: sent[region])
