"""Which rung to load next: hls.js's rule, BOLA, or always the same. Pure.

A rule sees one `Situation` and answers with the index of a rung (0 = lowest).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from loadtest.player.bandwidth import BandwidthEstimator
from loadtest.player.presentation import Rung


class Situation(NamedTuple):
    """What a rule decides by."""

    rungs: Sequence[Rung]
    allowed: int
    """Index of the highest rung that the device plays."""
    last: int | None
    """Rung of the last segment that was loaded; None before the first."""
    first_listed: int
    """Rung that the manifest lists first."""
    buffer_s: float
    segment_s: float
    """Duration of the segment in question."""
    is_live: bool = False
    has_playlist: Sequence[bool] = ()
    """For each rung, whether its playlist is loaded: the others cost another request."""
    playlist_s: float = 0.0
    """How long the last playlist took to arrive."""
    is_sound: Sequence[bool] = ()
    """For each rung, whether it has no recent failure."""


class Rule(Protocol):
    """Chooses a rung before each segment."""

    def choose(self, situation: Situation, estimate: BandwidthEstimator) -> int:
        """Index of the rung to load the next segment from."""

    def rescue(self, situation: Situation, estimate: BandwidthEstimator, transfer: "Transfer") -> int | None:
        """A lower rung to load instead of a segment that arrives too slowly; None: let it finish. May count samples."""


class Limits(NamedTuple):
    """What a rung must keep within to qualify."""

    bps: float
    """The estimate; times `factor`, or `up_factor` for rungs above the last one, a rung may use it."""
    buffer_s: float
    patience_s: float
    """Waiting that is accepted once the buffer is empty."""
    factor: float = 1.0
    up_factor: float = 1.0


class Transfer(NamedTuple):
    """A segment on its way."""

    rung: int
    elapsed_s: float
    """Since the request."""
    ttfb_s: float | None
    loaded: int
    size: int | None
    """Bytes in all, where the response has said so."""


class HlsJsRule:
    """The rule of hls.js 1.7 (src/controller/abr-controller.ts) with its default settings.

    Up: the highest rung whose bandwidth is at most 70 % of the estimate; down or stay: 95 %; and the segment must
    arrive before the buffer is empty. If none qualifies, a wait of up to `MAX_STARVATION_S` is accepted.
    """

    FACTOR = 0.95
    UP_FACTOR = 0.7
    MAX_STARVATION_S = 4.0

    def choose(self, situation: Situation, estimate: BandwidthEstimator) -> int:
        """As `nextAutoLevel`."""
        if situation.last is None or not estimate.can_estimate:
            limits = Limits(estimate.bps, situation.buffer_s / 2, self.MAX_STARVATION_S)
            found = self._best(situation, estimate, limits)
            return min(situation.first_listed, situation.allowed) if found is None else found
        if situation.buffer_s > 0:
            limits = Limits(estimate.bps, situation.buffer_s, 0.0, self.FACTOR, self.UP_FACTOR)
            found = self._best(situation, estimate, limits)
            if found is not None:
                return found
        patience_s = min(situation.segment_s, self.MAX_STARVATION_S)
        limits = Limits(estimate.bps, situation.buffer_s, patience_s, self.FACTOR, self.UP_FACTOR)
        found = self._best(situation, estimate, limits)
        return 0 if found is None else found

    def _best(
        self, situation: Situation, estimate: BandwidthEstimator, limits: Limits, highest: int | None = None
    ) -> int | None:
        """As `findBestLevel`: None when no rung up to `highest` qualifies."""
        base = situation.first_listed if situation.last is None else situation.last
        long_buffer = situation.segment_s > 0 and limits.buffer_s >= 2 * situation.segment_s
        by_average = long_buffer and not limits.patience_s
        for index in range(situation.allowed if highest is None else highest, -1, -1):
            rung = situation.rungs[index]
            usable = limits.bps * (limits.up_factor if index > base else limits.factor)
            rate = rung.average if by_average else rung.bandwidth
            if usable < rate:
                continue
            if situation.is_sound and index != situation.last and not situation.is_sound[index]:
                continue
            needs_playlist = situation.is_live or not (situation.has_playlist and situation.has_playlist[index])
            fetch_s = self._fetch_s(situation, estimate, usable, rate * situation.segment_s, needs_playlist)
            in_time = fetch_s < limits.buffer_s + limits.patience_s
            if situation.is_live or fetch_s <= estimate.ttfb_s or in_time:
                return index
        return None

    def _fetch_s(
        self, situation: Situation, estimate: BandwidthEstimator, bps: float, bits: float, needs_playlist: bool
    ) -> float:
        extra = estimate.ttfb_s + situation.playlist_s if needs_playlist else 0.0
        return estimate.ttfb_s + bits / max(bps, 1.0) + extra

    def rescue(self, situation: Situation, estimate: BandwidthEstimator, transfer: Transfer) -> int | None:
        """As `_abandonRulesCheck`: once half of the segment's duration has passed, would a lower rung be faster?

        What was seen of the transfer is counted in the estimate before the lower rung is returned, and an estimate
        that is far above that rung is forgotten.
        """
        if transfer.rung <= 0 or transfer.elapsed_s <= max(estimate.ttfb_s, situation.segment_s / 2):
            return None
        expected = max(transfer.loaded, round(situation.segment_s * situation.rungs[transfer.rung].average / 8))
        if transfer.size is not None:
            expected = transfer.size
        started = transfer.loaded > 0 and transfer.ttfb_s is not None
        streaming_s = transfer.elapsed_s - (transfer.ttfb_s or 0.0) if started else transfer.elapsed_s
        rate = transfer.loaded / max(streaming_s, 1e-3) if started else 0.0
        if rate:
            left_s = (expected - transfer.loaded) / rate
        else:
            left_s = expected * 8 / max(estimate.bps, 1.0) + estimate.ttfb_s
        if left_s <= situation.buffer_s:
            return None
        bps = rate * 8 if rate else estimate.bps
        lower, lower_s = self._affordable(situation, estimate, bps, transfer.rung)
        if lower_s >= left_s or lower_s > situation.segment_s * 10:
            return None
        self._count_partial(estimate, transfer)
        return self._rung_after_rescue(situation, estimate, lower, gives_up_at_once=left_s > 2 * lower_s)

    def _count_partial(self, estimate: BandwidthEstimator, transfer: Transfer) -> None:
        if transfer.ttfb_s is None or not transfer.loaded:
            estimate.sample_ttfb(transfer.elapsed_s)
        else:
            estimate.sample(transfer.elapsed_s - min(estimate.ttfb_s, transfer.ttfb_s), transfer.loaded)

    def _rung_after_rescue(
        self, situation: Situation, estimate: BandwidthEstimator, lower: int, *, gives_up_at_once: bool
    ) -> int:
        lower_bps = situation.rungs[lower].bandwidth
        if estimate.bps * self.UP_FACTOR > lower_bps:
            estimate.reset(lower_bps)
        limits = Limits(lower_bps, 0.0, situation.buffer_s)
        found = self._best(situation, estimate, limits, lower)
        lower = lower if found is None else found
        if gives_up_at_once and lower > 0:
            # As `abortAndSwitch`: the request is aborted, the lowest rung is next, and its rate the new estimate.
            lower = 0
            estimate.reset(situation.rungs[0].bandwidth)
        return lower

    def _affordable(
        self, situation: Situation, estimate: BandwidthEstimator, bps: float, current: int
    ) -> tuple[int, float]:
        """The highest lower rung whose segment arrives in time, else the lowest; and how long it takes."""
        bound = min(situation.buffer_s, situation.segment_s + estimate.ttfb_s)
        lower_s = math.inf
        for index in range(current - 1, -1, -1):
            needs_playlist = not (situation.has_playlist and situation.has_playlist[index])
            bits = situation.segment_s * situation.rungs[index].bandwidth
            lower_s = self._fetch_s(situation, estimate, bps, bits, needs_playlist)
            if lower_s < bound:
                return index, lower_s
        return 0, lower_s


class Bola:
    """BOLA-BASIC (Spiteri, Urgaonkar, Sitaraman: "BOLA", INFOCOM 2016 §III): by the buffer alone, in a steady state.

    The parameters are derived from the buffer as in dash.js (BolaRule.js): the lowest rung at `MIN_BUFFER_S`, the
    highest at the target. Before `MIN_BUFFER_S` is buffered the throughput decides.
    """

    MIN_BUFFER_S = 10.0
    SAFETY = 0.9

    def __init__(self, target_s: float) -> None:
        self._target_s = target_s

    def choose(self, situation: Situation, estimate: BandwidthEstimator) -> int:
        """The rung of the greatest score."""
        by_rate = self._by_throughput(situation, estimate)
        last = situation.last
        if last is None:
            return by_rate
        if situation.buffer_s < min(self.MIN_BUFFER_S, self._target_s / 2):
            return min(by_rate, last) if situation.buffer_s < situation.segment_s else by_rate
        rungs = situation.rungs[: situation.allowed + 1]
        lowest = max(rungs[0].bandwidth, 1)
        utilities = [math.log(max(rung.bandwidth, 1) / lowest) + 1 for rung in rungs]
        target = max(self._target_s, self.MIN_BUFFER_S + 2.0 * len(rungs))
        gp = max((utilities[-1] - 1) / (target / self.MIN_BUFFER_S - 1), 1e-3)
        vp = self.MIN_BUFFER_S / gp
        scores = [
            (vp * (utility + gp - 1) - situation.buffer_s) / max(rung.bandwidth, 1)
            for utility, rung in zip(utilities, rungs, strict=True)
        ]
        best = max(range(len(rungs)), key=scores.__getitem__)
        # BOLA-O: going up past what the throughput sustains only leads to going back.
        return max(last, min(best, by_rate)) if best > last else best

    def _by_throughput(self, situation: Situation, estimate: BandwidthEstimator) -> int:
        usable = estimate.bps * self.SAFETY
        fitting = [at for at in range(situation.allowed + 1) if situation.rungs[at].bandwidth <= usable]
        return fitting[-1] if fitting else 0

    def rescue(self, situation: Situation, estimate: BandwidthEstimator, transfer: Transfer) -> int | None:
        """As hls.js."""
        return HlsJsRule().rescue(situation, estimate, transfer)


class FixedRung:
    """Always the highest rung of at most `bps`, else the lowest."""

    def __init__(self, bps: float) -> None:
        self._bps = bps

    def choose(self, situation: Situation, _: BandwidthEstimator) -> int:
        """The same for every segment."""
        fitting = [at for at in range(situation.allowed + 1) if situation.rungs[at].bandwidth <= self._bps]
        return fitting[-1] if fitting else 0

    def rescue(self, *_: object) -> int | None:
        """Never."""
        return None


def rule_named(name: str, target_s: float) -> Rule:
    """`hls.js`, `bola`, or `fixed:BPS`; ValueError for another name."""
    if name == "hls.js":
        return HlsJsRule()
    if name == "bola":
        return Bola(target_s)
    kind, _, bps = name.partition(":")
    try:
        if kind == "fixed":
            return FixedRung(float(bps))
    except ValueError:
        pass
    raise ValueError(f"the ABR rule {name!r} is not one of hls.js, bola, fixed:BPS (such as fixed:3e6)")
