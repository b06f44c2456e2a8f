"""What a plan rests on besides the demand: figures with unit and reason. A measured figure replaces the assumed one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from kernel.errors import BadSettings


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a plan. `source` is why it is believed: `measured: …`, `assumed: …` or `given: …`."""

    name: str
    value: float
    unit: str
    source: str


def _assumed(name: str, value: float, unit: str, why: str) -> Figure:
    return Figure(name, value, unit, f"assumed: {why}")


ASSUMPTIONS = (
    _assumed("edge_cpu_s_per_gb", 0.1, "s/GB", "about 100 µs a MiB from the cache (docs/benchmarks.md)"),
    _assumed("edge_idle_cores", 0.01, "cores", "an edge that does nothing but report to control"),
    _assumed("shield_cpu_s_per_gb", 1.8, "s/GB", "a miss of 1 MiB costs 1.9 ms (README); a shield mostly misses"),
    _assumed("tls_cpu_s_per_gb", 0.5, "s/GB", "TLS 1.3 costs 523 µs a MiB on top (docs/benchmarks.md); runs are plain"),
    _assumed("memory_per_connection", 16e3, "B", "of the edge process"),
    _assumed("kernel_memory_per_connection", 100e3, "B", "socket buffers of a viewer at a few Mbit/s"),
    _assumed("connections_per_stream", 1.5, "", "video and audio over one or two connections"),
    _assumed(
        "delivery_overhead",
        1.08,
        "",
        "bytes sent by declared bits of the rung on screen: audio, unwatched film",
    ),
    _assumed("node_cores", 32, "cores", "a server with one socket; a core as fast as the measured one"),
    _assumed("node_nic_bps", 100e9, "bit/s", "one 100 Gbit/s port"),
    _assumed("node_ram_bytes", 256e9, "B", "half of it for the RAM tier, the rest for connections and the system"),
    _assumed("node_disk_bytes", 61e12, "B", "four NVMe drives of 15.36 TB"),
    _assumed("cpu_limit", 0.6, "share", "no node is planned to be busier at the peak"),
    _assumed("nic_limit", 0.7, "share", "as above; bursts of segments need the rest"),
    _assumed("spare", 0.15, "share", "nodes that may be down, drained or new, on top"),
    _assumed("regional_peak", 1.25, "", "a region's own evening, by its share at the world's peak"),
    _assumed("copies_per_region", 1.3, "", "hot titles are on several edges; a title's edges are chosen by its hash"),
    _assumed("shield_share_of_cache", 0.3, "", "disk of a region's shields by disk of its edges"),
    _assumed("titles", 500e3, "titles", "a large catalogue: films and single episodes"),
    _assumed("title_seconds", 3000, "s", "fifty minutes"),
    _assumed("ladder_bps", 18.8e6, "bit/s", "0.4, 0.8, 1.6, 3, 5 and 7.5 Mbit/s, and four audio renditions"),
    _assumed("uhd_share", 0.1, "share", "titles that also have a 2160-line rung of 16 Mbit/s"),
    _assumed("mezzanine_bps", 40e6, "bit/s", "the source file, kept to encode again"),
    _assumed("storage_overhead", 1.5, "", "erasure coding 8 + 4, in one region"),
    _assumed("storage_regions", 2, "", "the object store is in two regions"),
    _assumed("requested_share", 0.3, "share", "share of the packaged bytes that a region requests within a week"),
    _assumed("sessions_per_viewer", 1.5, "a day", "daily viewers open this many titles"),
    _assumed("minutes_per_session", 35, "min", "mean, most sessions end early (Yu et al., EuroSys 2006)"),
    _assumed("daily_viewers", 100e6, "viewers", "MISSION: one hundred million daily viewers"),
    _assumed("day_peak", 3.0, "", "the busiest second by the mean of the day"),
    _assumed("heartbeat_s", 30, "s", "a heartbeat for each stream"),
    _assumed("events_per_minute", 2, "1/min", "CMCD events besides heartbeats: states, bitrates, intervals"),
    _assumed("events_per_core_s", 20e3, "1/s", "what one core accepts in batches of 20: a target"),
    _assumed("event_bytes", 350, "B", "a CMCD event as accepted; Parquet keeps about 15 B of it"),
    _assumed("searches_per_s", 300e3, "1/s", "hundreds of thousands of queries a second, as people type"),
    _assumed("search_cpu_s", 2e-3, "s", "a query over the whole index on each node"),
    _assumed("start_cpu_s", 5e-3, "s", "a session's start in the services"),
    _assumed("heartbeat_cpu_s", 0.5e-3, "s", "a heartbeat in the services"),
)

REGIONS: Mapping[str, float] = {
    "north-america": 0.22,
    "south-america": 0.14,
    "europe": 0.26,
    "middle-east-africa": 0.10,
    "south-asia": 0.13,
    "east-asia-pacific": 0.15,
}
"""Share of the viewers at the world's peak; assumed."""

Figures = Mapping[str, Figure]


def figures_with(given: Mapping[str, Figure]) -> dict[str, Figure]:
    """All figures, those given in place of the assumed ones. Raises BadSettings for a name that there is not."""
    found = {figure.name: figure for figure in ASSUMPTIONS}
    for name, figure in given.items():
        if name not in found:
            raise BadSettings("assume", f"there is no figure {name!r}; there are {', '.join(sorted(found))}")
        found[name] = replace(figure, unit=found[name].unit)
    return found


def read_assumptions(texts: tuple[str, ...]) -> dict[str, Figure]:
    """`name=value` texts of the command line. Raises BadSettings."""
    found = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            found[name.strip()] = Figure(name.strip(), _positive(value), "", "given: on the command line")
        except ValueError:
            raise BadSettings("assume", f"{text!r} is not of the form NAME=NUMBER, with a number above 0") from None
    return found


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e18:
        raise ValueError
    return value
