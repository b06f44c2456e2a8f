"""What both players are compared by, the bounds, and the table. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loadtest.session import SessionRecord

MAX_BITRATE_DIFFERENCE = 0.05
MAX_SWITCHES = 1.0
MAX_SWITCHES_SHARE = 0.2
MAX_REBUFFER_DIFFERENCE = 0.02
MAX_STARTUP_DIFFERENCE_S = 0.3


@dataclass(frozen=True, slots=True)
class Seen:
    """What one session saw."""

    startup_s: float
    rebuffer_ratio: float
    bitrate_bps: float
    switches: float


def of_record(record: SessionRecord) -> Seen:
    """Of the virtual player. Raises ValueError when it never started."""
    if record.startup_s is None:
        raise ValueError(f"the virtual player did not start: {record.end.value} {record.end_detail}")
    return Seen(record.startup_s, record.rebuffer_ratio, record.bitrate_mean_bps, record.switches)


def of_page(found: Mapping[str, Any]) -> Seen:
    """Of hls.js, as the page has counted. Raises ValueError when it never started."""
    if found["startupMs"] is None or found["errors"]:
        raise ValueError(f"hls.js did not play: {found['errors']}")
    seconds = {float(bps): float(each) for bps, each in found["rungs"].items()}
    shown, stalled = sum(seconds.values()), found["stalledMs"] / 1000
    bitrate = sum(bps * each for bps, each in seconds.items()) / shown if shown else 0.0
    played = float(found["played"])
    ratio = stalled / (stalled + played) if stalled + played else 0.0
    return Seen(found["startupMs"] / 1000, ratio, bitrate, float(found["switches"]))


def mean(sessions: Sequence[Seen]) -> Seen:
    """The means of several runs. Raises ValueError when there is none."""
    if not sessions:
        raise ValueError("no run to take a mean of")
    count = len(sessions)
    return Seen(
        sum(one.startup_s for one in sessions) / count,
        sum(one.rebuffer_ratio for one in sessions) / count,
        sum(one.bitrate_bps for one in sessions) / count,
        sum(one.switches for one in sessions) / count,
    )


def differences(own: Seen, theirs: Seen) -> list[str]:
    """The bounds that the virtual player misses, each as a sentence; none when it behaves like hls.js."""
    missed = []
    if abs(own.bitrate_bps - theirs.bitrate_bps) > MAX_BITRATE_DIFFERENCE * theirs.bitrate_bps:
        missed.append(f"bitrate {own.bitrate_bps / 1e6:.2f} against {theirs.bitrate_bps / 1e6:.2f} Mbit/s")
    if abs(own.switches - theirs.switches) > max(MAX_SWITCHES, MAX_SWITCHES_SHARE * theirs.switches):
        missed.append(f"switches {own.switches:.1f} against {theirs.switches:.1f}")
    if abs(own.rebuffer_ratio - theirs.rebuffer_ratio) > MAX_REBUFFER_DIFFERENCE:
        missed.append(f"rebuffer ratio {own.rebuffer_ratio:.3f} against {theirs.rebuffer_ratio:.3f}")
    if abs(own.startup_s - theirs.startup_s) > MAX_STARTUP_DIFFERENCE_S:
        missed.append(f"start-up {own.startup_s * 1000:.0f} against {theirs.startup_s * 1000:.0f} ms")
    return missed


def table(rows: Mapping[str, tuple[Seen, Seen]]) -> str:
    """Markdown: profile → (virtual player, hls.js)."""
    lines = [
        "| line | player | bitrate, Mbit/s | switches | rebuffer ratio | start-up, ms |",
        "|---|---|---|---|---|---|",
    ]
    for name, (own, theirs) in rows.items():
        for who, seen in (("virtual", own), ("hls.js", theirs)):
            lines.append(
                f"| {name} | {who} | {seen.bitrate_bps / 1e6:.2f} | {seen.switches:.1f} | {seen.rebuffer_ratio:.3f} "
                f"| {seen.startup_s * 1000:.0f} |"
            )
    return "\n".join(lines)
