"""Judge how healthy each edge is, from what several witnesses observe. Pure; time is passed in.

The witnesses of an edge are its stream to control, its own reports, and the probers (each replica of control is one).
One witness makes an edge doubted: healthy edges are named before it. Two that agree remove it: at once if its stream
broke and probers cannot connect either (gone), otherwise once they have agreed in five checks in a row (ejected, by
`kernel.upstreams.health`: for 30 s times the count, at most a tenth of a pool or one edge, none while less than half of
the pool is left, and back with a slow start). An edge that drains or is not ready says so itself.

What viewers report of their sessions is shown next to the verdict and decides nothing: anybody may be a guest, as often
as they like, and report anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from kernel.fleet.messages import Report
from kernel.upstreams.health import PANIC_BELOW, Failure, Health, may_leave

QUORUM = 2
"""Witnesses that must agree before an edge is removed."""
PROBE_FAILURES = 2
"""Failed probes in a row that make a prober a witness."""
PROBE_AGE = 15.0
"""Seconds after which a probe's result no longer counts."""
SILENT = 10.0
"""Seconds without stream or report that count as a witness; edges report every two seconds."""
MIN_SESSIONS = 3
"""Sessions that must have reported on an edge before their trouble is shown; half of them must have had some."""
SIGNAL_AGE = 30.0
"""Seconds after which a session's report no longer counts."""
MAX_SIGNALS = 64
"""Sessions remembered per edge."""
MIN_STALL_SECONDS = 1.0
"""Seconds a session must have stalled for it to count as trouble."""
MIN_ERRORS = 10
MIN_ERROR_SHARE = 0.5
"""An edge's report is a witness with at least this many errors, and this share of its requests."""
BUSY_EGRESS, CALM_EGRESS = 0.9, 0.8
"""Shares of its capacity: an edge is busy from the first, until it falls below the second."""
BUSY_LOOP, CALM_LOOP = 0.25, 0.1
"""Seconds that its event loop lags, likewise."""
CHECK_EVERY = 1.0
"""Seconds between two checks that count towards an ejection."""


class Standing(Enum):
    """An edge's standing in routing, the best first."""

    GOOD = "good"
    RETURNING = "returning"
    BUSY = "busy"
    DOUBTED = "doubted"
    EJECTED = "ejected"
    GONE = "gone"
    NOT_READY = "not-ready"
    QUARANTINED = "quarantined"
    DRAINING = "draining"


HEALTHY = frozenset((Standing.GOOD, Standing.RETURNING))
ROUTED = HEALTHY | {Standing.BUSY, Standing.DOUBTED}
"""Standings that viewers are sent to."""


class Verdict(NamedTuple):
    """An edge's standing, the reason as a sentence, and the share of new sessions it may get (below 1 in a slow
    start)."""

    standing: Standing
    why: str = ""
    share: float = 1.0


class Probe(NamedTuple):
    """A prober's last result: failures in a row (0: healthy), when (mono seconds), and whether it could connect."""

    failures: int
    at: float
    reached: bool = True
    detail: str = ""


class SignalSample(NamedTuple):
    """A session's report on an edge: requests, failed requests, stalled seconds; when (mono seconds)."""

    requests: int
    errors: int
    stalled: float
    at: float


@dataclass(frozen=True, slots=True)
class EdgeObservation:
    """An edge as control's connections show it. `pool`: the edges that can replace it; `lost_at`: when its stream
    broke."""

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
    """What control remembers of one edge: probes by prober, signals by session, and its health."""

    probes: dict[str, Probe] = field(default_factory=dict)
    signals: dict[str, SignalSample] = field(default_factory=dict)
    health: Health = field(default_factory=Health)
    checked_at: float = -CHECK_EVERY
    busy: bool = False
    gone: bool = False

    def record_signal(self, session: str, signal: SignalSample) -> None:
        """Replace a session's last signal; the oldest sessions are forgotten."""
        self.signals.pop(session, None)
        self.signals[session] = signal
        while len(self.signals) > MAX_SIGNALS:
            del self.signals[next(iter(self.signals))]

    def record_probe(self, prober: str, at: float, *, well: bool, reached: bool, detail: str = "") -> None:
        """Replace a prober's last result, counting its failures in a row."""
        before = self.probes.get(prober)
        failures = 0 if well else 1 + (before.failures if before is not None else 0)
        self.probes[prober] = Probe(failures, at, reached, detail)


def witnesses(history: ObservationHistory, seen: EdgeObservation, now: float) -> dict[str, str]:
    """The witnesses against an edge, each with what it observes."""
    against = {
        f"prober {name}": probe.detail or "failed probes"
        for name, probe in history.probes.items()
        if probe.failures >= PROBE_FAILURES and now - probe.at <= PROBE_AGE
    }
    if not seen.connected and now - seen.lost_at > SILENT:
        against["stream"] = f"no stream for {now - seen.lost_at:.0f} s"
    report = seen.report
    if seen.connected and report is not None:
        if now - seen.reported_at > SILENT:
            against["report"] = f"no report for {now - seen.reported_at:.0f} s"
        elif report.errors >= max(MIN_ERRORS, MIN_ERROR_SHARE * report.requests):
            against["report"] = f"{report.errors} errors of {report.requests} requests"
    return against


def viewer_trouble(history: ObservationHistory, now: float) -> str:
    """The trouble that sessions report of an edge, for operators to read; "" while there is none."""
    recent = [signal for signal in history.signals.values() if now - signal.at <= SIGNAL_AGE]
    troubled = sum(1 for signal in recent if signal.errors or signal.stalled >= MIN_STALL_SECONDS)
    if len(recent) < MIN_SESSIONS or 2 * troubled < len(recent):
        return ""
    return f"{troubled} of {len(recent)} sessions report trouble (decides nothing)"


def why_unreachable(history: ObservationHistory, seen: EdgeObservation, now: float) -> str:
    """The reason to take an edge for gone: its stream broke and most probers since could not connect; "" otherwise."""
    if seen.connected:
        return ""
    tried = [probe for probe in history.probes.values() if max(seen.lost_at, now - PROBE_AGE) <= probe.at]
    failed = [probe.detail or "no connection" for probe in tried if probe.failures and not probe.reached]
    return f"its stream broke, and {failed[0]}" if failed and 2 * len(failed) > len(tried) else ""


def judge(
    histories: Mapping[str, ObservationHistory], seen: Mapping[str, EdgeObservation], now: float
) -> dict[str, Verdict]:
    """The verdict on every edge of `seen` (each must have a history), pool by pool."""
    found: dict[str, Verdict] = {}
    pools: dict[str, list[str]] = {}
    for name, edge in seen.items():
        pools.setdefault(edge.pool, []).append(name)
    for names in pools.values():
        healths = [histories[name].health for name in names]
        verdicts = {name: _judge_edge(histories[name], seen[name], healths, now) for name in names}
        found |= _ease_in_panic(verdicts)
    return found


def _judge_edge(history: ObservationHistory, seen: EdgeObservation, pool: list[Health], now: float) -> Verdict:
    """The first standing that applies, the most certain first."""
    against = witnesses(history, seen, now)
    why = "; ".join(f"{witness}: {observation}" for witness, observation in against.items())
    if now - history.checked_at >= CHECK_EVERY:
        history.checked_at = now
        _record_check(history.health, len(against) >= QUORUM, pool, now)
    if seen.drained or (seen.report is not None and seen.report.draining):
        return Verdict(Standing.DRAINING, "an operator drained it" if seen.drained else "it says that it drains")
    if seen.quarantined:
        return Verdict(Standing.QUARANTINED, seen.quarantined)
    if unreachable := why_unreachable(history, seen, now):
        history.gone = True
        return Verdict(Standing.GONE, unreachable)
    if history.gone and not _is_back(history, seen, now):
        return Verdict(Standing.GONE, "it has not been reached since")
    if seen.connected and seen.report is not None and not seen.report.ready:
        return Verdict(Standing.NOT_READY, "it says that it is not ready")
    if history.health.out is not None:
        return Verdict(Standing.EJECTED, why or f"for {max(0.0, history.health.until - now):.0f} s more")
    if against:
        return Verdict(Standing.DOUBTED, why)
    if busy := _why_busy(history, seen):
        return Verdict(Standing.BUSY, busy)
    share = history.health.share(now)
    return Verdict(Standing.GOOD) if share >= 1 else Verdict(Standing.RETURNING, f"{share:.0%} of its share", share)


def _record_check(health: Health, bad: bool, pool: Iterable[Health], now: float) -> None:
    """Count one check: five bad ones in a row eject; when its time is over, a good one brings the edge back."""
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


def _is_back(history: ObservationHistory, seen: EdgeObservation, now: float) -> bool:
    """Whether a gone edge has returned: the latest probe reached it, or it is connected and no probe failed."""
    latest = max(history.probes.values(), key=lambda probe: probe.at, default=None)
    if latest is not None and latest.failures:
        return False
    if not seen.connected and latest is None:
        return False
    history.gone = False
    history.health.returned = now
    return True


def _why_busy(history: ObservationHistory, seen: EdgeObservation) -> str:
    report = seen.report
    if report is None:
        return ""
    egress = report.bytes_sent * 8 / max(report.seconds, 0.1) / seen.capacity if seen.capacity else 0.0
    max_egress, max_lag = (CALM_EGRESS, CALM_LOOP) if history.busy else (BUSY_EGRESS, BUSY_LOOP)
    history.busy = egress >= max_egress or report.loop_delay >= max_lag
    if not history.busy:
        return ""
    if egress >= max_egress:
        return f"it sends {egress:.0%} of its capacity"
    return f"its event loop lags {report.loop_delay * 1000:.0f} ms"


def _ease_in_panic(verdicts: Mapping[str, Verdict]) -> Mapping[str, Verdict]:
    """While less than half of a pool is left, ejected edges are used again.

    Doubt about more than half of a pool is the observers' own trouble, and is ignored.
    """
    staying = [one for one in verdicts.values() if one.standing not in (Standing.DRAINING, Standing.QUARANTINED)]
    left = sum(one.standing in ROUTED for one in staying)
    is_panic = left < PANIC_BELOW * len(staying)
    doubted = sum(one.standing is Standing.DOUBTED for one in staying)
    ignores_doubt = 2 * doubted > len(staying)

    def ease(one: Verdict) -> Verdict:
        if one.standing is Standing.EJECTED and is_panic:
            return Verdict(Standing.DOUBTED, f"panic: less than half of its pool is left; {one.why}")
        if one.standing is Standing.DOUBTED and ignores_doubt:
            return Verdict(Standing.GOOD, f"more than half of its pool is doubted; {one.why}")
        return one

    return {name: ease(one) for name, one in verdicts.items()}
