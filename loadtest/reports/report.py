"""The report of a run as plain data: what `--json` writes, what the page shows, and what expectations are judged by.

Every figure comes with the number of players and the generator's own CPU share, since a generator that was too slow
measures itself. The fields of the first block are fixed; more may be added.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from loadtest.histogram import Histogram, merged
from loadtest.nodes.series import NodeRole, Series, total_of
from loadtest.reports.timeline import Timeline
from loadtest.reports.totals import Quality, Totals, ratio
from loadtest.session import EndReason, RequestKind, Tier

FORMAT = 1

BUSY_SHARE = 0.85
"""A generator process that uses more of its core than this may have been the bottleneck."""
MAX_PACING_ERROR = 0.01


@dataclass(frozen=True, slots=True)
class Generator:
    """What the run cost the machine that generated it."""

    cpu_share: float
    """CPU time by wall time of the busiest process."""
    processes: int = 1
    driver: str = "asyncio"


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What was run."""

    story: str
    summary: str
    target: str
    seconds: float
    """Wall seconds that the run took."""
    speed: float
    seed: int
    generator: Generator
    settings: Mapping[str, Any] = field(default_factory=dict)
    actions: Sequence[Mapping[str, Any]] = ()
    """What was done to the platform, and when."""
    objects: int | None = None
    """Different objects that players requested."""


def build_report(facts: RunFacts, totals: Totals, series: Iterable[Series] = ()) -> dict[str, Any]:
    """The report, without expectations (the story judges them by it). JSON types only."""
    series = list(series)
    quality = totals.quality
    all_requests, failed = totals.requests_where(), totals.requests_where(failed=True)
    report: dict[str, Any] = {
        **quality_figures(quality),
        "requests": all_requests.count,
        "bytes": all_requests.bytes,
        "generatorCpuShare": round(facts.generator.cpu_share, 4),
        "expectations": [],
        "format": FORMAT,
        "failedRequests": failed.count,
        "failedRequestShare": round(ratio(failed.count, all_requests.count), 6),
        "pacingErrorP95": round(totals.pacing_error.percentile(0.95), 5),
        "segmentTtfbMs": _percentiles_ms(_segment_ttfb(totals)),
        "objects": facts.objects,
        **_delivery(totals, series, all_requests.bytes),
        "run": _run(facts),
        "warnings": [],
        "ends": {end.value: count for end, count in sorted(quality.ends.items())},
        "byNode": [_node_row(totals, node, tier) for node, tier in totals.nodes()],
        "groups": {
            dimension: {value: quality_figures(each) for value, each in sorted(values.items())}
            for dimension, values in totals.groups.items()
        },
        "timeline": _timeline(totals.timeline),
        "nodes": [_series(each) for each in series],
    }
    report["warnings"] = warnings_of(report)
    return report


def quality_figures(quality: Quality) -> dict[str, Any]:
    """Quality of experience of a run or a group of its sessions."""
    startup, stall = quality.startup_s, quality.longest_stall_s
    return {
        "players": quality.players,
        "startupMs": _percentiles_ms(startup),
        "rebufferRatio": {
            "mean": round(quality.rebuffer_ratio_mean, 6),
            "p95": round(quality.rebuffer_ratio.percentile(0.95), 6),
            "p99": round(quality.rebuffer_ratio.percentile(0.99), 6),
        },
        "bitrateMean": round(quality.bitrate_mean_bps),
        "switchesMean": round(ratio(quality.switches, quality.started), 4),
        "errors": quality.errors,
        "started": quality.started,
        "rebuffersPer10Min": round(ratio(quality.stalls, quality.played_s / 600), 4),
        "longestStallMs": {"p95": _ms(stall.percentile(0.95)), "max": _ms(stall.max)},
        "playedSeconds": round(quality.played_s, 3),
        "stalledSeconds": round(quality.stalled_s, 3),
        "pathwaySwitches": quality.pathway_switches,
        "startFailureShare": round(quality.share_ended(EndReason.START_FAILED), 6),
        "playbackFailureShare": round(quality.share_ended(EndReason.PLAYBACK_FAILED), 6),
        "exitBeforeStartShare": round(quality.share_ended(EndReason.EXIT_BEFORE_START), 6),
        "refusedShare": round(quality.share_ended(EndReason.REFUSED), 6),
    }


def warnings_of(report: Mapping[str, Any]) -> list[str]:
    """Why the figures may not be the platform's."""
    found = []
    share, pacing = report["generatorCpuShare"], report["pacingErrorP95"]
    if share > BUSY_SHARE:
        found.append(
            f"The generator used {share:.0%} of a core: it was the bottleneck, and the figures are partly its own. "
            "Use fewer players, or more generators."
        )
    if pacing > MAX_PACING_ERROR:
        found.append(
            f"Segment requests were late or early by {pacing:.1%} of a segment (p95; 1 % is the limit): the machine "
            "was too busy to pace the players."
        )
    if report["players"] == 0:
        found.append("No player was played.")
    found += [
        f"Action `{action['name']}` failed: {action['error']}" for action in report["run"]["actions"] if action["error"]
    ]
    return found


def _delivery(totals: Totals, series: Sequence[Series], player_bytes: int) -> dict[str, Any]:
    """Where the bytes came from: by the nodes' own counters where they were read, else by what responses say."""
    hits, misses = total_of(series, NodeRole.EDGE, "hits"), total_of(series, NodeRole.EDGE, "misses")
    # What shields fetch is what the origin sends for viewers; its own counters count every poll of its library too.
    origin_requests = total_of(series, NodeRole.SHIELD, "fills")
    origin_bytes = total_of(series, NodeRole.SHIELD, "bytes_filled")
    cpu = total_of(series, NodeRole.EDGE, "cpu_s")
    by_tier = {tier.value: totals.requests_where(tier=tier).count for tier in Tier}
    known = sum(count for tier, count in by_tier.items() if tier != Tier.UNKNOWN)
    hit_ratio = ratio(by_tier[Tier.EDGE], known) if known else None
    if hits is not None and misses is not None and hits + misses:
        hit_ratio = hits / (hits + misses)
    return {
        "hitRatio": None if hit_ratio is None else round(hit_ratio, 5),
        "requestsByTier": by_tier,
        "originRequests": origin_requests,
        "originBodies": _origin_bodies(series),
        "originBytes": origin_bytes,
        "originOffload": None if origin_bytes is None else round(1 - ratio(origin_bytes, player_bytes), 5),
        "edgeCpuSeconds": None if cpu is None else round(cpu, 3),
    }


def _origin_bodies(series: Sequence[Series]) -> float | None:
    """Bodies that the origins sent to caches. They count each look at their figures as well, after it has happened."""
    looked_at = [each for each in series if each.node.role is NodeRole.ORIGIN and each.total("bodies") is not None]
    if not looked_at:
        return None
    return max(0.0, sum((each.total("bodies") or 0.0) - (each.samples - each.missed - 1) for each in looked_at))


def _run(facts: RunFacts) -> dict[str, Any]:
    return {
        "story": facts.story,
        "summary": facts.summary,
        "target": facts.target,
        "seconds": round(facts.seconds, 3),
        "speed": facts.speed,
        "seed": facts.seed,
        "driver": facts.generator.driver,
        "generatorProcesses": facts.generator.processes,
        "settings": dict(facts.settings),
        "actions": [dict(action) for action in facts.actions],
    }


def _segment_ttfb(totals: Totals) -> Histogram:
    return merged(each.ttfb_s for key, each in totals.requests.items() if key.kind is RequestKind.SEGMENT)


def _node_row(totals: Totals, node: str, tier: Tier) -> dict[str, Any]:
    every = totals.requests_where(node=node, tier=tier)
    failed = totals.requests_where(node=node, tier=tier, failed=True)
    outcomes: dict[str, int] = {}
    for key, each in totals.requests.items():
        if (key.node, key.tier) == (node, tier):
            outcomes[str(key.outcome)] = outcomes.get(str(key.outcome), 0) + each.count
    return {
        "node": node,
        "tier": tier.value,
        "requests": every.count,
        "failed": failed.count,
        "bytes": every.bytes,
        "ttfbMs": _percentiles_ms(every.ttfb_s),
        "outcomes": dict(sorted(outcomes.items())),
    }


def _timeline(timeline: Timeline) -> dict[str, Any]:
    """Series by name, each with one value for a part of the run; null where nobody was there to measure it."""
    part, present = timeline.part_s, timeline.present_s
    pairs = list(zip(timeline.stalled_s, present, strict=True))
    return {
        "partSeconds": part,
        "watching": [round(seconds / part, 3) for seconds in present],
        "rebufferRatio": [round(stalled / there, 5) if there else None for stalled, there in pairs],
        "bitrateMean": [
            round(bits / there) if there else None for bits, there in zip(timeline.rung_bits, present, strict=True)
        ],
        "startupMsP50": [_ms(each.percentile(0.5)) if each.counts else None for each in timeline.startup_s],
        "startupMsP95": [_ms(each.percentile(0.95)) if each.counts else None for each in timeline.startup_s],
        "arrivals": timeline.arrivals,
        "failures": timeline.failures,
    }


def _series(series: Series) -> dict[str, Any]:
    return {
        "name": series.node.name,
        "role": series.node.role.value,
        "samples": series.samples,
        "unanswered": series.missed,
        "totals": {name: round(value, 3) for name, value in series.risen.items()},
        "first": series.first,
        "peak": series.peak,
        "parts": {name: [round(value, 4) for value in parts] for name, parts in series.parts.items()},
    }


def _percentiles_ms(histogram: Histogram) -> dict[str, float]:
    return {f"p{share}": _ms(histogram.percentile(share / 100)) for share in (50, 95, 99)}


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)
