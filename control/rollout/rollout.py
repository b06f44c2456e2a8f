"""Staged rollout: canaries first, then waves, reverted automatically on harm. Pure; time is passed in.

    CANARY -> WAVE -> ... -> DONE        each stage is judged for its time before the next starts
       any of them <-> HELD              by an operator, or when a stage does not apply the settings in time
       any of them, HELD too -> REVERTED a rejection, or edges with the new settings do worse than those without

A hash of edge and revision orders the edges. So every replica picks the same canaries, each rollout picks others, and
a stage only adds edges: all those up to `cutoff` have the new settings, also those that join during the rollout.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

import xxhash

MIN_REQUESTS = 20
"""Below this many requests, neither errors nor hits are judged."""
MAX_ERROR_EXCESS = 0.02
"""Largest allowed excess of the error ratio over that of other edges, or of before."""
MAX_HIT_DROP = 0.2
"""Largest allowed drop of the hit ratio below that of other edges, or of before."""
MAX_SLOW_FACTOR = 3.0
"""Largest allowed multiple of the 99th percentile of other edges, or of before."""
MIN_SLOW = 0.1
"""Seconds: a 99th percentile below this is never harm."""
SILENT_AFTER = 10.0
"""Seconds after which an edge with the new settings that no longer reports counts as harmed."""


class RolloutState(StrEnum):
    """A rollout's state."""

    ROLLING = "rolling"
    HELD = "held"
    DONE = "done"
    REVERTED = "reverted"


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage: the share of the edges that have the new settings, and the seconds it is watched for."""

    name: str
    share: float
    seconds: float


STAGES = (Stage("canary", 0.05, 15.0), Stage("wave 1", 0.25, 10.0), Stage("wave 2", 0.5, 10.0), Stage("all", 1.0, 15.0))


@dataclass(frozen=True, slots=True)
class Rollout:
    """A revision of the settings that is being rolled out.

    `stage` counts from 0; `since`: when it started, `began`: when the first one did (Unix seconds). `cutoff`: the
    position in the order, in [0, 1), up to which edges have the new settings; below 0: none.
    """

    number: int
    before: int
    since: float
    stage: int = 0
    state: RolloutState = RolloutState.ROLLING
    why: str = ""
    cutoff: float = -1.0
    began: float = 0.0


@dataclass(frozen=True, slots=True)
class WindowMetrics:
    """Metrics of a set of edges in a window: sums, the median of their 99th percentiles, and edges that fell silent."""

    requests: int = 0
    errors: int = 0
    hits: int = 0
    slow: float = 0.0
    silent: tuple[str, ...] = ()

    @property
    def error_share(self) -> float:
        """Share of the requests that failed."""
        return self.errors / self.requests if self.requests else 0.0

    @property
    def hit_share(self) -> float:
        """Share of the requests that were hits."""
        return self.hits / self.requests if self.requests else 0.0


def position(edge: str, number: int) -> float:
    """An edge's position in the order of a revision, in [0, 1)."""
    return xxhash.xxh3_64_intdigest(f"{number} {edge}".encode()) / 2.0**64


def has_new_settings(edge: str, rollout: Rollout) -> bool:
    """Whether an edge has the new settings at this stage."""
    if rollout.state is RolloutState.DONE:
        return True
    return rollout.state is not RolloutState.REVERTED and position(edge, rollout.number) <= rollout.cutoff


def chosen_edges(edges: Iterable[str], rollout: Rollout) -> frozenset[str]:
    """The edges that have the new settings at this stage."""
    return frozenset(edge for edge in edges if has_new_settings(edge, rollout))


def with_cutoff(rollout: Rollout, edges: Iterable[str]) -> Rollout:
    """The rollout with a cutoff that covers its stage's share of `edges`, at least one of them.

    `edges`: those whose settings change. The cutoff never moves back: an edge keeps the settings it has.
    """
    places = sorted(position(edge, rollout.number) for edge in edges)
    share = STAGES[rollout.stage].share
    if share >= 1.0:
        return replace(rollout, cutoff=1.0)
    number = max(1, math.floor(share * len(places) + 1e-9))
    return replace(rollout, cutoff=max(rollout.cutoff, *places[number - 1 : number], -1.0))


def judge_harm(new: WindowMetrics, before: WindowMetrics, others: WindowMetrics, refused: Iterable[str] = ()) -> str:
    """Judge the new settings: why they do harm, or "" while nothing shows it.

    `before`: the same edges before the rollout; `others`: edges without the settings, at the same time. The edges must
    do worse than both: what is worse everywhere has another cause.
    """
    refusing = sorted(refused)
    if refusing:
        return f"refused by {', '.join(refusing[:5])}"
    if new.silent:
        return f"no report any more from {', '.join(new.silent[:5])}"
    if new.requests < MIN_REQUESTS:
        return ""
    usual = [seen for seen in (before, others) if seen.requests >= MIN_REQUESTS]
    worst = max((seen.error_share for seen in usual), default=0.0)
    if new.error_share > worst + MAX_ERROR_EXCESS:
        return f"{new.error_share:.1%} of requests fail, elsewhere and before {worst:.1%}"
    if usual and new.hit_share < min(seen.hit_share for seen in usual) - MAX_HIT_DROP:
        return f"hit ratio {new.hit_share:.1%}, elsewhere and before {min(seen.hit_share for seen in usual):.1%}"
    slowest = max((seen.slow for seen in usual), default=0.0)
    if usual and new.slow > max(MIN_SLOW, slowest * MAX_SLOW_FACTOR):
        return f"one request in a hundred waits {new.slow:.2f} s for its head, elsewhere and before {slowest:.2f} s"
    return ""


def next_state(rollout: Rollout, now: float, why: str, *, applied: bool) -> Rollout:
    """The rollout's next state. `why`: the harm that `judge_harm` found; `applied`: whether all its edges applied it.

    A stage lasts at least its time, and does not end before all of its edges have applied the settings.
    """
    if rollout.state not in (RolloutState.ROLLING, RolloutState.HELD):
        return rollout
    if why:
        return revert(rollout, now, why)
    if rollout.state is RolloutState.HELD:
        return rollout
    if not applied:
        return rollout if now - rollout.since < 2 * STAGES[rollout.stage].seconds else _hold_late(rollout, now)
    if now - rollout.since < STAGES[rollout.stage].seconds:
        return rollout
    if rollout.stage + 1 == len(STAGES):
        return replace(rollout, state=RolloutState.DONE, since=now)
    return replace(rollout, stage=rollout.stage + 1, since=now)


def _hold_late(rollout: Rollout, now: float) -> Rollout:
    """Hold: a stage must not wait for ever for edges that do not apply the settings, nor advance without them."""
    return replace(rollout, state=RolloutState.HELD, since=now, why="not applied by every edge of its stage in time")


def hold(rollout: Rollout, now: float, why: str) -> Rollout:
    """Hold a rolling rollout; harm still reverts it."""
    return (
        replace(rollout, state=RolloutState.HELD, since=now, why=why)
        if rollout.state is RolloutState.ROLLING
        else rollout
    )


def resume(rollout: Rollout, now: float) -> Rollout:
    """Resume a held rollout."""
    return (
        replace(rollout, state=RolloutState.ROLLING, since=now, why="")
        if rollout.state is RolloutState.HELD
        else rollout
    )


def revert(rollout: Rollout, now: float, why: str) -> Rollout:
    """Revert the rollout."""
    return replace(rollout, state=RolloutState.REVERTED, since=now, why=why)
