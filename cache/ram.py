"""The RAM tier: bodies under a budget in bytes; the eviction policy decides which leaves."""

from __future__ import annotations

from typing import NamedTuple

from cache.body import Body, DiskBody
from cache.entry import Entry
from cache.eviction.policy import Policy

MAX_SHARE = 8
"""An object larger than 1/8 of the budget is not kept in RAM, so that it cannot evict many small hot ones."""


class Evicted(NamedTuple):
    """An evicted entry with its body; `was_wanted`: whether it had a hit while in RAM."""

    entry: Entry
    body: Body | None
    was_wanted: bool


class RamTier:
    """Which entries have their body in RAM. The policy's keys are the entries themselves.

    `alone`: there is no disk tier. `max_object_bytes`: of the largest object, if not a share of the budget.
    `counts_files`: whether bodies that are object files count; several processes of a node share their pages."""

    __slots__ = ("_counts_files", "_policy", "budget", "max_object_bytes", "touch")

    def __init__(
        self,
        budget: int,
        policy: Policy[Entry],
        *,
        alone: bool,
        counts_files: bool = True,
        max_object_bytes: int | None = None,
    ) -> None:
        self.budget = budget
        self._policy = policy
        self.touch = policy.touch
        """Record a hit. It is the policy's own method, since every hit calls it."""
        # Without a disk tier RAM is the whole cache: keep out only what would take more than half of it.
        self.max_object_bytes = budget // (2 if alone else MAX_SHARE) if max_object_bytes is None else max_object_bytes
        self._counts_files = counts_files

    @property
    def used(self) -> int:
        """Bytes counted against the budget."""
        return self._policy.used

    def fits(self, cost: int) -> bool:
        """Whether RAM accepts an object of `cost` bytes."""
        return cost <= self.max_object_bytes

    def fits_without_eviction(self, cost: int) -> bool:
        """Whether `cost` more bytes would evict only objects without a hit."""
        return self._policy.used + cost <= self.budget or self._policy.fits_without_eviction(cost)

    def untouch(self, entry: Entry) -> None:
        """Take back the last touch."""
        self._policy.untouch(entry)

    def holds(self, entry: Entry) -> bool:
        """Whether the entry is in RAM. The entry of a sliced object is there without a body."""
        return entry in self._policy

    def put(self, entry: Entry, body: Body | None) -> list[Evicted]:
        """Add a body; returns what was evicted, already detached from its entries."""
        entry.body = body  # in RAM an entry is warm, so its parsed head counts too
        free = len(body) if not self._counts_files and isinstance(body, DiskBody) else 0
        self._policy.insert(entry, entry.warm_cost - free)
        victims = []
        while self._policy.used > self.budget:
            victim = self._policy.evict()
            if victim is None:
                break
            victims.append(Evicted(victim, victim.body, self._policy.was_wanted))
            victim.body = None
        return victims

    def drop(self, entry: Entry) -> None:
        """Drop the body; bytes being sent to viewers live on until they are sent."""
        self._policy.remove(entry)
        entry.body = None
