"""The figures of `--measured FILE`: a report of `matinee loadtest`, with what replays and probes add to it. Pure.

    {"capacity": {"edge": {"cpuSecondsPerGB": …, "idleCores": …, "memoryBytesPerConnection": …}, "shield": {…},
                  "services": {"cpuSecondsPerStart": …}, "players": {"deliveryOverhead": …},
                  "tls": {"cpuSecondsPerGB": …, "note": "…"}, "starts": {…}, "heartbeats": {…},
                  "search": {"cpuSecondsPerQuery": …, "note": "…"}, "events": {"perCoreSecond": …, "note": "…"}},
     "hitCurve": {"points": [[share of the footprint, byte hit ratio], …], "note": "…"}}

Of two figures for one name the later one of `_WHERE` counts. Whatever is missing stays assumed. A report without
`capacity` (none of the target's nodes were watched) gives nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from kernel.errors import BadSettings
from loadtest.planner.assumptions import Figure
from loadtest.planner.hit_curve import Point

MAX_POINTS = 100

_WHERE = (
    ("edge_cpu_s_per_gb", "edge", "cpuSecondsPerGB"),
    ("edge_idle_cores", "edge", "idleCores"),
    ("memory_per_connection", "edge", "memoryBytesPerConnection"),
    ("kernel_memory_per_connection", "edge", "kernelBytesPerConnection"),
    ("shield_cpu_s_per_gb", "shield", "cpuSecondsPerGB"),
    ("tls_cpu_s_per_gb", "tls", "cpuSecondsPerGB"),
    ("delivery_overhead", "players", "deliveryOverhead"),
    ("connections_per_stream", "players", "connectionsPerStream"),
    ("start_cpu_s", "services", "cpuSecondsPerStart"),
    ("start_cpu_s", "starts", "cpuSecondsPerStart"),
    ("heartbeat_cpu_s", "heartbeats", "cpuSecondsPerHeartbeat"),
    ("search_cpu_s", "search", "cpuSecondsPerQuery"),
    ("events_per_core_s", "events", "perCoreSecond"),
    ("event_bytes", "events", "bytesPerEvent"),
)


class Measured(NamedTuple):
    """What a file gives: figures by name, and a hit curve where it has one."""

    figures: dict[str, Figure]
    curve: Sequence[Point] | None
    curve_source: str


def read_measured(document: object, file: str) -> Measured:
    """The figures in a document. Raises BadSettings naming file, key and value."""
    if not isinstance(document, Mapping):
        raise BadSettings("measured", "is no JSON object", f"file {file}")
    capacity = document.get("capacity", {})
    if not isinstance(capacity, Mapping):
        raise BadSettings("capacity", f"is no object but {capacity!r}", f"file {file}")
    figures = {figure.name: figure for figure in _figures(capacity, _run_of(document, file), file)}
    curve = document.get("hitCurve")
    if curve is None:
        return Measured(figures, None, "")
    points = _points(curve, file)
    return Measured(figures, points, f"measured: {curve.get('note', file)}")


def _run_of(document: Mapping[str, Any], file: str) -> str:
    """What the figures come from, in words."""
    run, players = document.get("run"), document.get("players")
    if isinstance(run, Mapping) and isinstance(players, int):
        share = document.get("generatorCpuShare")
        generator = f", generator at {share:.0%} of a core" if isinstance(share, int | float) else ""
        return f"{run.get('story', 'a run')}, {players} players{generator}"
    return file


def _figures(capacity: Mapping[str, Any], run: str, file: str) -> Iterator[Figure]:
    for name, part, key in _WHERE:
        found = capacity.get(part)
        value = found.get(key) if isinstance(found, Mapping) else None
        if value is None:
            continue
        if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
            raise BadSettings(f"capacity.{part}.{key}", f"is no number of at least 0 but {value!r}", f"file {file}")
        note = found.get("note", run) if isinstance(found, Mapping) else run
        if value > 0:  # a run too small to show a cost does not show that there is none
            yield _figure(name, float(value), note)


def _figure(name: str, value: float, note: object) -> Figure:
    if name == "delivery_overhead" and value < 1:
        # Rungs declare their peak rate, which short runs may stay below; a plan must not count on it.
        return Figure(name, 1.0, "", f"measured: {note}: {value:g}, planned as 1")
    return Figure(name, value, "", f"measured: {note}")


def _points(curve: object, file: str) -> tuple[Point, ...]:
    points = curve.get("points") if isinstance(curve, Mapping) else None
    if not isinstance(points, list) or not 2 <= len(points) <= MAX_POINTS:
        raise BadSettings("hitCurve.points", f"is no list of 2 to {MAX_POINTS} points", f"file {file}")
    found = []
    for number, point in enumerate(points):
        if not (isinstance(point, list) and len(point) == 2 and all(isinstance(each, int | float) for each in point)):
            raise BadSettings(f"hitCurve.points[{number}]", f"is no pair of numbers but {point!r}", f"file {file}")
        if not (point[0] > 0 and 0 <= point[1] <= 1):
            raise BadSettings(f"hitCurve.points[{number}]", f"is no share and ratio: {point!r}", f"file {file}")
        found.append(Point(float(point[0]), float(point[1])))
    if len({point.share for point in found}) != len(found):
        raise BadSettings("hitCurve.points", "names a share twice", f"file {file}")
    return tuple(sorted(found))
