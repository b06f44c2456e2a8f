"""The charts of a report: how it went over time, for viewers and for nodes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from loadtest.reports.formats import count, milliseconds, scaled, share
from loadtest.reports.svg import Chart, Line, Mark


def charts_of(report: Mapping[str, Any]) -> Iterator[Chart]:
    """In the order in which they are shown; those of nodes only where nodes were watched."""
    timeline = report["timeline"]
    seconds = timeline["partSeconds"] * len(timeline["watching"])
    marks = _marks(report, seconds)

    def chart(title: str, lines: Sequence[Line], shown: Any, at_least: float = 0.0) -> Chart:
        return Chart(title, lines, seconds, shown, marks, at_least)

    yield chart("Viewers watching", [Line("watching", timeline["watching"])], count)
    startup = [Line("median", timeline["startupMsP50"]), Line("95th percentile", timeline["startupMsP95"])]
    yield chart("Start-up time, by arrival", startup, milliseconds)
    yield chart("Rebuffer ratio", [Line("rebuffer ratio", timeline["rebufferRatio"])], share, at_least=0.01)
    yield chart("Bitrate on screen", [Line("mean", timeline["bitrateMean"])], lambda value: scaled(value, "bit/s"))
    nodes = report["nodes"]
    if nodes:
        yield chart("Requests a second, by where they were answered", list(_by_tier(nodes, seconds)), count)
        yield chart("Origin offload, by bytes", [Line("offload", _offload(nodes))], share, at_least=1.0)
        yield chart("CPU of each node, in cores", list(_cpu(report, seconds)), lambda value: f"{value:.3g}")


def _marks(report: Mapping[str, Any], seconds: float) -> list[Mark]:
    """Actions are told in wall seconds, the axis is in story time."""
    speed = report["run"]["speed"]
    return [
        Mark(action["atSeconds"] * speed / seconds, f"{action['name']}: {action['command']}")
        for action in report["run"]["actions"]
    ]


def _sums(nodes: Sequence[Mapping[str, Any]], role: str, counter: str) -> list[float] | None:
    """A counter's rise in each part, over the nodes of a role; None where none has it."""
    rows = [node["parts"][counter] for node in nodes if node["role"] == role and counter in node["parts"]]
    return [sum(values) for values in zip(*rows, strict=True)] if rows else None


def _by_tier(nodes: Sequence[Mapping[str, Any]], seconds: float) -> Iterator[Line]:
    """Hits of the edges, hits of the shields (which are asked for what edges miss), and the shields' own requests."""
    for name, role, counter in (
        ("edge", "edge", "hits"),
        ("shield", "shield", "hits"),
        ("origin", "shield", "fills"),
    ):
        found = _sums(nodes, role, counter)
        if found is not None:
            yield Line(name, [value / (seconds / len(found)) for value in found])


def _offload(nodes: Sequence[Mapping[str, Any]]) -> list[float | None]:
    """1 − origin bytes ÷ edge bytes, from the start up to each part: single parts would swing with the caches."""
    edge, origin = _sums(nodes, "edge", "bytes_sent"), _sums(nodes, "shield", "bytes_filled")
    values, sent, fetched = list[float | None](), 0.0, 0.0
    for out, filled in zip(edge or (), origin or (), strict=False):
        sent, fetched = sent + out, fetched + filled
        values.append(max(0.0, 1 - fetched / sent) if sent else None)
    return values


def _cpu(report: Mapping[str, Any], seconds: float) -> Iterator[Line]:
    """CPU seconds by wall second; `seconds` is story time, of which a compressed run plays several in one."""
    speed = report["run"]["speed"]
    for node in report["nodes"]:
        parts = node["parts"].get("cpu_s")
        if parts and node["role"] in ("edge", "shield", "origin"):
            wall = seconds / speed / len(parts)
            yield Line(node["name"], [value / wall for value in parts])
