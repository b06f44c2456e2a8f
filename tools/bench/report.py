"""Figures to tables: medians, ratios, targets."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table

KIB, MIB = 1 << 10, 1 << 20


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement of one server: CPU µs a request, requests a second, share of a core it was busy."""

    cpu_us: float
    per_second: float
    busy: float


@dataclass(slots=True)
class Row:
    """One size: the samples of each server by its name, in rounds, and the target ratio to each peer that has one."""

    size: int
    targets: Mapping[str, float]
    samples: dict[str, list[Sample]] = field(default_factory=dict)

    def cpu_us(self, server: str) -> float:
        """The server's median CPU a request, µs."""
        return statistics.median(sample.cpu_us for sample in self.samples[server])

    def ratio(self, ours: str, peer: str) -> float | None:
        """Our median over the peer's; None where one was not measured."""
        return self.cpu_us(ours) / self.cpu_us(peer) if {ours, peer} <= self.samples.keys() else None


def size_text(size: int) -> str:
    """`1 KiB`, `4 MiB`, `1500 B`."""
    for unit, name in ((MIB, "MiB"), (KIB, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} B"


def table(title: str, rows: Sequence[Row], ours: str, peers: Sequence[str]) -> Table:
    """CPU in µs a request, median above least-most for each server, and our ratios to each peer."""
    made = Table(title=title, title_justify="left", caption_justify="left")
    made.add_column("body", justify="right")
    for name in (ours, *peers):
        made.add_column(f"{name}\nµs", justify="right")
    for name in peers:
        made.add_column(f"to\n{name}", justify="right")
    made.add_column("targets")
    for row in rows:
        cells = [size_text(row.size)]
        cells += [_spread(row, name) for name in (ours, *peers)]
        cells += [_ratio(row.ratio(ours, name)) for name in peers]
        cells.append(_verdict(row, ours))
        made.add_row(*cells)
    return made


def _spread(row: Row, name: str) -> str:
    if name not in row.samples:
        return "not run"
    costs = [sample.cpu_us for sample in row.samples[name]]
    return f"[b]{_short(row.cpu_us(name))}[/b]\n[dim]{_short(min(costs))}-{_short(max(costs))}[/dim]"


def _short(cost: float) -> str:
    return f"{cost:.1f}" if cost < 100 else f"{cost:.0f}"


def _ratio(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.2f}"


def rates(rows: Sequence[Row], servers: Iterable[str]) -> str:
    """Median requests a second of each server, size by size, as one line."""
    names = list(servers)
    told = []
    for row in rows:
        medians = (statistics.median(sample.per_second for sample in row.samples[name]) for name in names)
        told.append(f"{size_text(row.size)} {' / '.join(f'{median:,.0f}' for median in medians)}")
    return " · ".join(told)


def is_met(row: Row, ours: str, peer: str) -> bool | None:
    """Whether the row's target holds beside this peer; None where there is none, or the peer was not measured."""
    ratio, target = row.ratio(ours, peer), row.targets.get(peer)
    return None if ratio is None or target is None else ratio <= target


def _verdict(row: Row, ours: str) -> str:
    """A line for each bound: met, or by whom it is missed."""
    lines = []
    for most in sorted(set(row.targets.values())):
        met = {peer: is_met(row, ours, peer) for peer, bound in row.targets.items() if bound == most}
        failed = [peer for peer, is_so in met.items() if is_so is False]
        if failed:
            lines.append(f"≤ {most:g} [b red]missed[/b red]: {', '.join(failed)}")
        else:
            lines.append(f"≤ {most:g} " + ("[green]met[/green]" if True in met.values() else "not known"))
    return "\n".join(lines) or "-"


def missed(rows: Sequence[Row], ours: str) -> list[str]:
    """Each target that was missed, as a sentence."""
    return [
        f"{size_text(row.size)}: {row.ratio(ours, peer):.2f} of {peer}, target {most:g}"
        for row in rows
        for peer, most in row.targets.items()
        if is_met(row, ours, peer) is False
    ]


def as_json(rows: Sequence[Row], ours: str, peers: Sequence[str]) -> list[Mapping[str, Any]]:
    """The rows for the JSON file, every sample included."""
    return [
        {
            "bytes": row.size,
            "servers": {
                name: {
                    "cpuMicroseconds": round(row.cpu_us(name), 3),
                    "samples": [
                        {
                            "cpuMicroseconds": round(sample.cpu_us, 3),
                            "requestsPerSecond": round(sample.per_second, 1),
                            "busy": round(sample.busy, 3),
                        }
                        for sample in samples
                    ],
                }
                for name, samples in row.samples.items()
            },
            "ratios": {name: ratio for name in peers if (ratio := row.ratio(ours, name)) is not None},
            "targets": dict(row.targets),
            "met": {peer: is_met(row, ours, peer) for peer in row.targets},
        }
        for row in rows
    ]
