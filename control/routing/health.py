"""How well each edge is, of what several observers say of it. Pure: time comes in.

Three kinds of witness speak of an edge: its stream to control, its own reports, and the probers (each replica of
control is one). One witness alone only makes an edge doubted: others are named before it. Two that agree take it out:
at once when its stream broke and no connection can be had either (gone), else when they have agreed for five looks in
a row (ejected, by kernel.upstreams.health: 30 s times the count, at most a tenth of a pool or one, none when less
than half would be left, and back with a slow start). Who drains or is not ready says so.

What viewers tell of their sessions is shown beside a verdict and decides nothing: anybody may be a guest, as often as
they like, and say what they like. The edge's own counters and the probes decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from kernel.fleet.messages import Report
from kernel.upstreams.health import PANIC_BELOW, Failure, Health, may_leave

QUORUM = 2
"""Witnesses who must agree before an edge is left out."""
PROBE_FAILURES = 2
"""Failed probes in a row that make a prober a witness."""
PROBE_AGE = 15.0
"""Seconds after which what a prober said counts no more."""
SILENT = 10.0
"""Seconds without stream or report after which that is a witness; edges report every two."""
VIEWERS = 3
"""Sessions that must have told of an edge before it is shown; half of them with trouble."""
SIGNAL_AGE = 30.0
SIGNALS_KEPT = 64
STALLED = 1.0
"""Stalled seconds that are trouble."""
MIN_ERRORS = 10
ERRORS_SHARE = 0.5
BUSY_EGRESS, CALM_EGRESS = 0.9, 0.8
"""Shares of its capacity from which an edge is busy, and below which it is so no more."""
BUSY_LOOP, CALM_LOOP = 0.25, 0.1
LOOK_EVERY = 1.0
"""Seconds between two looks that count."""


class Standing(Enum):
    """What an edge is to routing, the best first."""

    GOOD = "good"
    RETURNING = "returning"
    BUSY = "busy"
    SUSPECT = "doubted"
    EJECTED = "ejected"
    GONE = "gone"
    NOT_READY = "not-ready"
    QUARANTINED = "quarantined"
    DRAINING = "draining"


WELL = frozenset((Standing.GOOD, Standing.RETURNING))
ROUTED = WELL | {Standing.BUSY, Standing.SUSPECT}
"""Standings that viewers are sent to."""


class Verdict(NamedTuple):
    """An edge's standing, in words why, and the share of new sessions it may have (below 1 in a slow start)."""

    standing: Standing
    why: str = ""
    share: float = 1.0


class Probe(NamedTuple):
    """What a prober last saw: failures in a row (0 = well), whether a connection could be had, when (mono seconds)."""

    failures: int
    at: float
    reached: bool = True
    detail: str = ""


class SignalSample(NamedTuple):
    """What one session met at an edge: requests, failed ones, stalled seconds; when (mono seconds)."""

    requests: int
    errors: int
    stalled: float
    at: float


@dataclass(frozen=True, slots=True)
class EdgeObservation:
    """An edge as control's connections show it. `pool` is whom it stands in for; `lost_at`: when its stream broke."""

    pool: str
    connected: bool
    lost_at: float = 0.0
    report: Report | None = None
    reported_at: float = 0.0
    capacity: int = 0
    drained: bool = False
    quarantined: str = ""


@dataclass(slots=True)
class ObservationHistory:
    """What is remembered of one edge."""

    probes: dict[str, Probe] = field(default_factory=dict)
    told: dict[str, SignalSample] = field(default_factory=dict)
    health: Health = field(default_factory=Health)
    looked_at: float = -LOOK_EVERY
    busy: bool = False
    gone: bool = False

    def take_signal(self, session: str, told: SignalSample) -> None:
        """A session's latest word replaces its last; the oldest are forgotten."""
        self.told.pop(session, None)
        self.told[session] = told
        while len(self.told) > SIGNALS_KEPT:
            del self.told[next(iter(self.told))]

    def take_probe(self, prober: str, at: float, *, well: bool, reached: bool, detail: str = "") -> None:
        """What a prober saw just now."""
        before = self.probes.get(prober)
        failures = 0 if well else 1 + (before.failures if before is not None else 0)
        self.probes[prober] = Probe(failures, at, reached, detail)


def witnesses(watched: ObservationHistory, seen: EdgeObservation, now: float) -> dict[str, str]:
    """Who speaks against an edge, and what they say."""
    found = {
        f"prober {name}": probe.detail or "failed probes"
        for name, probe in watched.probes.items()
        if probe.failures >= PROBE_FAILURES and now - probe.at <= PROBE_AGE
    }
    if not seen.connected and now - seen.lost_at > SILENT:
        found["stream"] = f"no stream for {now - seen.lost_at:.0f} s"
    report = seen.report
    if seen.connected and report is not None:
        if now - seen.reported_at > SILENT:
            found["report"] = f"no report for {now - seen.reported_at:.0f} s"
        elif report.errors >= max(MIN_ERRORS, ERRORS_SHARE * report.requests):
            found["report"] = f"{report.errors} errors of {report.requests} requests"
    return found


def told_by_viewers(watched: ObservationHistory, now: float) -> str:
    """What sessions say of an edge, for whoever looks at it; no witness. "" while there is no trouble."""
    told = [one for one in watched.told.values() if now - one.at <= SIGNAL_AGE]
    troubled = sum(1 for one in told if one.errors or one.stalled >= STALLED)
    if len(told) < VIEWERS or 2 * troubled < len(told):
        return ""
    return f"{troubled} of {len(told)} sessions tell of trouble (decides nothing)"


def is_unreachable(watched: ObservationHistory, seen: EdgeObservation, now: float) -> str:
    """Why an edge is taken for gone: its stream broke, and who tried since gets no connection; "" when it is not."""
    if seen.connected:
        return ""
    tried = [probe for probe in watched.probes.values() if max(seen.lost_at, now - PROBE_AGE) <= probe.at]
    failed = [probe.detail or "no connection" for probe in tried if probe.failures and not probe.reached]
    return f"its stream broke, and {failed[0]}" if failed and 2 * len(failed) > len(tried) else ""


def judge(
    watched: Mapping[str, ObservationHistory], seen: Mapping[str, EdgeObservation], now: float
) -> dict[str, Verdict]:
    """The verdict on every edge of `seen` (each must be watched), pool by pool."""
    found: dict[str, Verdict] = {}
    pools: dict[str, list[str]] = {}
    for name, edge in seen.items():
        pools.setdefault(edge.pool, []).append(name)
    for names in pools.values():
        healths = [watched[name].health for name in names]
        verdicts = {name: _one(watched[name], seen[name], healths, now) for name in names}
        found |= _in_panic(verdicts)
    return found


def _one(watched: ObservationHistory, seen: EdgeObservation, pool: list[Health], now: float) -> Verdict:
    against = witnesses(watched, seen, now)
    why = "; ".join(f"{who}: {what}" for who, what in against.items())
    if now - watched.looked_at >= LOOK_EVERY:
        watched.looked_at = now
        _look(watched.health, len(against) >= QUORUM, pool, now)
    if seen.drained or (seen.report is not None and seen.report.draining):
        return Verdict(Standing.DRAINING, "an operator has drained it" if seen.drained else "it says that it drains")
    if seen.quarantined:
        return Verdict(Standing.QUARANTINED, seen.quarantined)
    if gone := is_unreachable(watched, seen, now):
        watched.gone = True
        return Verdict(Standing.GONE, gone)
    if watched.gone and not _is_back(watched, seen, now):
        return Verdict(Standing.GONE, "it has not come back whole")
    if seen.connected and seen.report is not None and not seen.report.ready:
        return Verdict(Standing.NOT_READY, "it says that it is not ready")
    if watched.health.out is not None:
        return Verdict(Standing.EJECTED, why or f"for {max(0.0, watched.health.until - now):.0f} s more")
    if against:
        return Verdict(Standing.SUSPECT, why)
    if busy := _busy(watched, seen):
        return Verdict(Standing.BUSY, busy)
    share = watched.health.share(now)
    return Verdict(Standing.GOOD) if share >= 1 else Verdict(Standing.RETURNING, f"{share:.0%} of its share", share)


def _look(health: Health, bad: bool, pool: Iterable[Health], now: float) -> None:
    """One look a second: five bad ones in a row eject, and after its time one that is not brings an edge back."""
    if health.out is None:
        if bad:
            health.failed(Failure.ANSWER, now, may_leave=may_leave(list(pool)))
        else:
            health.succeeded(now)
    elif health.awaits_probe(now):
        health.probe(now)
        if bad:
            health.failed(Failure.ANSWER, now, may_leave=True)
        else:
            health.succeeded(now)


def _is_back(watched: ObservationHistory, seen: EdgeObservation, now: float) -> bool:
    """A gone edge is back when it is connected, or a prober has reached it."""
    latest = max(watched.probes.values(), key=lambda probe: probe.at, default=None)
    if latest is not None and latest.failures:
        return False
    if not seen.connected and latest is None:
        return False
    watched.gone = False
    watched.health.returned = now
    return True


def _busy(watched: ObservationHistory, seen: EdgeObservation) -> str:
    report = seen.report
    if report is None:
        return ""
    egress = report.bytes_sent * 8 / max(report.seconds, 0.1) / seen.capacity if seen.capacity else 0.0
    most, slow = (CALM_EGRESS, CALM_LOOP) if watched.busy else (BUSY_EGRESS, BUSY_LOOP)
    watched.busy = egress >= most or report.loop_delay >= slow
    if not watched.busy:
        return ""
    if egress >= most:
        return f"it sends {egress:.0%} of its capacity"
    return f"its event loop lags {report.loop_delay * 1000:.0f} ms"


def _in_panic(verdicts: Mapping[str, Verdict]) -> Mapping[str, Verdict]:
    """When less than half of a pool is left, those that were left out for their answers are asked all the same.

    Doubt that falls on more than half of a pool is the observers' trouble, and is ignored.
    """
    staying = [one for one in verdicts.values() if one.standing not in (Standing.DRAINING, Standing.QUARANTINED)]
    left = sum(one.standing in ROUTED for one in staying)
    panic = left < PANIC_BELOW * len(staying)
    doubted = sum(one.standing is Standing.SUSPECT for one in staying)
    doubtful = 2 * doubted > len(staying)

    def eased(one: Verdict) -> Verdict:
        if one.standing is Standing.EJECTED and panic:
            return Verdict(Standing.SUSPECT, f"panic: less than half of its pool is left; {one.why}")
        if one.standing is Standing.SUSPECT and doubtful:
            return Verdict(Standing.GOOD, f"more than half of its pool is doubted; {one.why}")
        return one

    return {name: eased(one) for name, one in verdicts.items()}
