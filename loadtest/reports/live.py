"""What a terminal shows while a run goes on."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, ConsoleRenderable
from rich.live import Live
from rich.table import Table

from loadtest.histogram import Histogram
from loadtest.nodes.series import NodeRole, Series, total_of
from loadtest.reports.formats import count, milliseconds, scaled, share
from loadtest.reports.svg import clock
from loadtest.reports.totals import Totals, ratio


class Shown(Protocol):
    """What of a run is shown."""

    @property
    def totals(self) -> Totals:
        """Of the sessions that are over."""

    def elapsed_s(self) -> float:
        """Wall seconds since the run began."""

    def playing(self) -> int:
        """Sessions that play now."""

    def generator_share(self) -> float:
        """CPU time of this process by wall time, so far."""

    def series(self) -> list[Series]:
        """The nodes' figures so far."""

    def last_action(self) -> str:
        """What was done to the platform last; empty: nothing yet."""

    @property
    def title(self) -> str:
        """Name of the story, and its length."""


class LiveView:
    """Redraws a table twice a second, on stderr, so that the report on stdout can be piped."""

    def __init__(self, *, enabled: bool) -> None:
        self._live = Live(console=Console(stderr=True), refresh_per_second=2, transient=True) if enabled else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.__exit__(kind, error, trace)

    def follow(self, progress: Shown) -> None:
        """Show this run from now on."""
        if self._live:
            self._live.get_renderable = lambda: table_of(progress)  # type: ignore[method-assign]


def table_of(progress: Shown) -> ConsoleRenderable:
    """The table at this moment."""
    table = Table(title=progress.title, title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in rows_of(progress):
        table.add_row(name, value)
    return table


def rows_of(progress: Shown) -> Iterator[tuple[str, str]]:
    """(what, how much); quality is that of the sessions that are over."""
    quality = progress.totals.quality
    yield "time", clock(progress.elapsed_s())
    yield "generator, of a core", share(progress.generator_share())
    yield "playing now", count(progress.playing())
    yield "sessions over", count(quality.players)
    yield "start-up p50 / p95", _two(quality.startup_s)
    yield "rebuffer ratio", share(quality.rebuffer_ratio_mean)
    yield "bitrate", scaled(quality.bitrate_mean_bps, "bit/s")
    yield "failed requests", count(progress.totals.requests_where(failed=True).count)
    series = progress.series()
    if series:
        hits, misses = (total_of(series, NodeRole.EDGE, name) or 0.0 for name in ("hits", "misses"))
        yield "edge hits", share(ratio(hits, hits + misses))
        yield "origin requests", count(total_of(series, NodeRole.SHIELD, "fills") or 0.0)
        for each in series:
            cpu = each.total("cpu_s")
            if each.node.role in (NodeRole.EDGE, NodeRole.SHIELD, NodeRole.ORIGIN) and cpu is not None:
                yield f"CPU of {each.node.name}", f"{cpu:.1f} s"
    if action := progress.last_action():
        yield "last action", action


def _two(histogram: Histogram) -> str:
    if not histogram.counts:
        return "–"
    return " / ".join(milliseconds(histogram.percentile(each) * 1000) for each in (0.5, 0.95))
