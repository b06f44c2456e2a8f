"""What a worker counted since it last said so, and the sum of it in the owner's counts. Pure.

The owner adds each worker's figures to its own, so that /stats, /metrics and reports are the node's, and what a dead
worker had said stays. Figures of what is there now (`GAUGES`) are taken back when a worker is gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge.counters import ONE_REQUEST, Counts
from edge.serve.connection_limits import ConnectionCounts

GAUGES = ("connections", "waiting", "h2_connections")
_FIGURES = (
    "requests", "fast_path_hits", "hits", "stale_hits", "misses", "collapsed", "revalidated", "passes", "failed",
    "bytes_sent", "bytes_filled", "broken_responses", "h2_requests", *GAUGES,
)  # fmt: skip
_LABELLED = ("statuses", "refusals", "aborts", "fills", "loop_errors", "h2_resets", "h2_ends")

Deltas = dict[str, Any]


class CountReporter:
    """Makes the deltas of one worker."""

    def __init__(self, counts: Counts, connections: ConnectionCounts) -> None:
        self._counts, self._connections = counts, connections
        self._figures = dict.fromkeys(_FIGURES, 0)
        self._labelled: dict[str, dict[Any, int]] = {name: {} for name in (*_LABELLED, "handshakes")}
        self._others = {"cut": 0, "accept_errors": 0}
        self._head_times = [0] * len(counts.head_times)

    def repeat_gauges(self) -> None:
        """Send all gauges again: the owner that knew them is gone."""
        self._figures.update(dict.fromkeys(GAUGES, 0))

    def deltas(self) -> Deltas:
        """What was counted since the last call; empty if nothing was."""
        found: Deltas = {}
        for name in _FIGURES:
            now = getattr(self._counts, name)
            if now != self._figures[name]:
                found[name] = now - self._figures[name]
                self._figures[name] = now
        for name in self._others:
            now = getattr(self._connections, name)
            if now != self._others[name]:
                found[name] = now - self._others[name]
                self._others[name] = now
        for name, before in self._labelled.items():
            labels = self._connections.handshakes if name == "handshakes" else getattr(self._counts, name)
            grown = {label: now - before.get(label, 0) for label, now in labels.items() if now != before.get(label, 0)}
            if grown:
                found[name] = grown
                self._labelled[name] = dict(labels)
        if self._head_times != self._counts.head_times:
            pairs = zip(self._counts.head_times, self._head_times, strict=True)
            found["head_times"] = [now - before for now, before in pairs]
            self._head_times = list(self._counts.head_times)
        renditions = list(self._counts.renditions.drain())
        if renditions:
            found["renditions"] = renditions
        if self._counts.worst_delay:
            found["worst_delay"], self._counts.worst_delay = self._counts.worst_delay, 0.0
        return found


def add_deltas(counts: Counts, connections: ConnectionCounts, deltas: Mapping[str, Any]) -> None:
    """Add what a worker counted."""
    for name in _FIGURES:
        setattr(counts, name, getattr(counts, name) + deltas.get(name, 0))
    connections.cut += deltas.get("cut", 0)
    connections.accept_errors += deltas.get("accept_errors", 0)
    for name in (*_LABELLED, "handshakes"):
        labels = connections.handshakes if name == "handshakes" else getattr(counts, name)
        for label, number in deltas.get(name, {}).items():
            labels[label] = labels.get(label, 0) + number
    for place, number in enumerate(deltas.get("head_times", ())):
        counts.head_times[place] += number
    for folder, size, requests in deltas.get("renditions", ()):
        counts.renditions.tally(folder).bytes += requests * ONE_REQUEST + size
    counts.worst_delay = max(counts.worst_delay, deltas.get("worst_delay", 0.0))


def gauges_of(deltas: Mapping[str, Any], before: Mapping[str, int]) -> dict[str, int]:
    """A worker's gauges after these deltas."""
    return {name: before.get(name, 0) + deltas.get(name, 0) for name in GAUGES}


def take_back_gauges(counts: Counts, gauges: Mapping[str, int]) -> None:
    """The worker with these gauges is gone."""
    for name in GAUGES:
        setattr(counts, name, getattr(counts, name) - gauges.get(name, 0))
