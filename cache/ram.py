"""The RAM tier: bodies under a budget; which one leaves is the policy's word."""

from __future__ import annotations

from typing import NamedTuple

from cache.body import Body
from cache.entry import Entry
from cache.eviction.policy import Policy

MAX_SHARE = 8
"""An object larger than one part in this of the budget stays out, so that it cannot push out many hot small ones."""


class Evicted(NamedTuple):
    """Who had to leave, with what, and whether it was asked for while it was in."""

    entry: Entry
    body: Body | None
    was_wanted: bool


class RamTier:
    """Which entries have their body in RAM. Keys of the policy are the entries themselves."""

    __slots__ = ("_policy", "budget", "max_object_bytes", "touch")

    def __init__(self, budget: int, policy: Policy[Entry], *, alone: bool) -> None:
        self.budget = budget
        self._policy = policy
        self.touch = policy.touch
        """The entry was asked for: the policy's own function, since every hit calls it."""
        # With no disk behind it the RAM tier is the cache: then only what could not share it at all stays out.
        self.max_object_bytes = budget // (2 if alone else MAX_SHARE)

    @property
    def used(self) -> int:
        """Bytes counted."""
        return self._policy.used

    def fits(self, cost: int) -> bool:
        """Whether an object of this cost may come in."""
        return cost <= self.max_object_bytes

    def fits_without_eviction(self, cost: int) -> bool:
        """Whether so much more would push out nothing that was asked for since it came."""
        return self._policy.used + cost <= self.budget or self._policy.fits_without_eviction(cost)

    def untouch(self, entry: Entry) -> None:
        """Its last touch does not count."""
        self._policy.untouch(entry)

    def holds(self, entry: Entry) -> bool:
        """Whether the entry is in; the whole of an object in slices is without a body."""
        return entry in self._policy

    def put(self, entry: Entry, body: Body | None) -> list[Evicted]:
        """Take a body in; the entries that had to leave, already without their bodies."""
        entry.body = body  # while it is here it is warm: what its head is made of counts too
        self._policy.insert(entry, entry.warm_cost)
        victims = []
        while self._policy.used > self.budget:
            victim = self._policy.evict()
            if victim is None:
                break
            victims.append(Evicted(victim, victim.body, self._policy.was_wanted))
            victim.body = None
        return victims

    def drop(self, entry: Entry) -> None:
        """Let the body go; bytes under way to viewers live on until they are sent."""
        self._policy.remove(entry)
        entry.body = None
