"""New settings go to a canary set first, then in waves, and back by themselves when they do harm. Pure: time comes in.

    CANARY -> WAVE -> ... -> DONE        each stage is watched for its time before the next begins
       any of them <-> HELD              by an operator, or when a stage does not have the settings in time
       any of them, HELD too -> REVERTED a refusal, or the edges that have it fare worse than those that do not

Who is in which stage is decided by a hash of edge and revision, so that it is the same for every replica of control,
another edge bears the first risk each time, and a set only grows from stage to stage: all whose place in the order is
up to `cutoff` have the new settings, those too that join in the middle.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

import xxhash

MIN_REQUESTS = 20
"""Fewer requests say nothing about errors or hits."""
ERRORS_WORSE = 0.02
"""Share of requests that may fail beyond what fails elsewhere."""
HITS_WORSE = 0.2
"""By how much the hit ratio may be below that of before."""
SLOW_FACTOR = 3.0
MIN_SLOW = 0.1
"""Seconds: a slowest hundredth below this is never bad."""
SILENT_AFTER = 10.0
"""Seconds after which an edge of the set that no longer reports counts as harmed."""


class State(StrEnum):
    """Where a rollout stands."""

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
    """A revision of the settings on its way; `stage` counts from 0, `since` (seconds) when it began, `began` when the
    first did. `cutoff`: the place in the order, in [0, 1), up to which edges have the new settings; below 0: none."""

    number: int
    before: int
    since: float
    stage: int = 0
    state: State = State.ROLLING
    why: str = ""
    cutoff: float = -1.0
    began: float = 0.0


@dataclass(frozen=True, slots=True)
class Observed:
    """What a set of edges did in a window: sums, the median of their slowest hundredths, and who fell silent."""

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
    """Where an edge stands in the order of a revision, in [0, 1)."""
    return xxhash.xxh3_64_intdigest(f"{number} {edge}".encode()) / 2.0**64


def has_it(edge: str, rollout: Rollout) -> bool:
    """Whether an edge is to have the new settings now."""
    if rollout.state is State.DONE:
        return True
    return rollout.state is not State.REVERTED and position(edge, rollout.number) <= rollout.cutoff


def chosen(edges: Iterable[str], rollout: Rollout) -> frozenset[str]:
    """The edges that are to have the new settings now."""
    return frozenset(edge for edge in edges if has_it(edge, rollout))


def reaching(rollout: Rollout, edges: Iterable[str]) -> Rollout:
    """The rollout whose cutoff takes in the share of `edges` that its stage says: at least one, however few there are.

    `edges`: those for which anything changes. It never lets go of one that has the settings.
    """
    places = sorted(position(edge, rollout.number) for edge in edges)
    share = STAGES[rollout.stage].share
    if share >= 1.0:
        return replace(rollout, cutoff=1.0)
    number = max(1, math.floor(share * len(places) + 1e-9))
    return replace(rollout, cutoff=max(rollout.cutoff, *places[number - 1 : number], -1.0))


def harm(new: Observed, before: Observed, others: Observed, refused: Iterable[str] = ()) -> str:
    """Why the edges with the new settings fare badly; "" while nothing speaks against them.

    `before`: the same edges before they had them; `others`: those without, in the same time. Both must be better for
    the new settings to be blamed: what is worse everywhere has another cause.
    """
    refusing = sorted(refused)
    if refusing:
        return f"refused by {', '.join(refusing[:5])}"
    if new.silent:
        return f"no word any more from {', '.join(new.silent[:5])}"
    if new.requests < MIN_REQUESTS:
        return ""
    usual = [seen for seen in (before, others) if seen.requests >= MIN_REQUESTS]
    worst = max((seen.error_share for seen in usual), default=0.0)
    if new.error_share > worst + ERRORS_WORSE:
        return f"{new.error_share:.1%} of requests fail, elsewhere and before {worst:.1%}"
    if usual and new.hit_share < min(seen.hit_share for seen in usual) - HITS_WORSE:
        return f"hit ratio {new.hit_share:.1%}, elsewhere and before {min(seen.hit_share for seen in usual):.1%}"
    slowest = max((seen.slow for seen in usual), default=0.0)
    if usual and new.slow > max(MIN_SLOW, slowest * SLOW_FACTOR):
        return f"one request in a hundred waits {new.slow:.2f} s for its head, elsewhere and before {slowest:.2f} s"
    return ""


def step(rollout: Rollout, now: float, why: str, *, applied: bool) -> Rollout:
    """The rollout a moment later. `why`: what `harm` said; `applied`: whether all edges of the stage have it in force.

    A stage's time counts while all of its edges have the settings; until then it waits.
    """
    if rollout.state not in (State.ROLLING, State.HELD):
        return rollout
    if why:
        return revert(rollout, now, why)
    if rollout.state is State.HELD:
        return rollout
    if not applied:
        return rollout if now - rollout.since < 2 * STAGES[rollout.stage].seconds else _late(rollout, now)
    if now - rollout.since < STAGES[rollout.stage].seconds:
        return rollout
    if rollout.stage + 1 == len(STAGES):
        return replace(rollout, state=State.DONE, since=now)
    return replace(rollout, stage=rollout.stage + 1, since=now)


def _late(rollout: Rollout, now: float) -> Rollout:
    """Edges that take nothing for so long: a stage must not wait for them for ever, nor go on as if they had it."""
    return replace(rollout, state=State.HELD, since=now, why="not in force at every edge of its stage in time")


def hold(rollout: Rollout, now: float, why: str) -> Rollout:
    """An operator wants to look longer; what harms goes back all the same."""
    return replace(rollout, state=State.HELD, since=now, why=why) if rollout.state is State.ROLLING else rollout


def go_on(rollout: Rollout, now: float) -> Rollout:
    """An operator lets a held rollout go on."""
    return replace(rollout, state=State.ROLLING, since=now, why="") if rollout.state is State.HELD else rollout


def revert(rollout: Rollout, now: float, why: str) -> Rollout:
    """An operator takes it back."""
    return replace(rollout, state=State.REVERTED, since=now, why=why)
