"""What to do about an object, from the state of its copies. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Copy(StrEnum):
    """Where a copy is."""

    HOT = "store"
    COLD = "cold store"
    REPLICA = "replica"


class Health(StrEnum):
    """What was found at a copy."""

    GOOD = "good"
    MISSING = "missing"
    DAMAGED = "damaged"
    UNKNOWN = "unknown"
    """Its store does not answer."""


@dataclass(frozen=True, slots=True)
class Repair:
    """`targets` are rewritten from `source`. `is_lost`: no copy is good, and none may be."""

    source: Copy | None
    targets: tuple[Copy, ...]
    is_lost: bool


def plan_repair(found: Mapping[Copy, Health]) -> Repair:
    """An object must be in the hot store or the cold one, and in the replica; no copy of it may be damaged."""
    source = next((copy for copy in (Copy.HOT, Copy.REPLICA, Copy.COLD) if found.get(copy) is Health.GOOD), None)
    targets = [copy for copy, health in found.items() if health is Health.DAMAGED]
    if found.get(Copy.REPLICA) is Health.MISSING:
        targets.append(Copy.REPLICA)
    # A hot copy that is missing is wanted only if no cold one serves, or may serve, in its place.
    if found.get(Copy.HOT) is Health.MISSING and found.get(Copy.COLD) not in (Health.GOOD, Health.UNKNOWN):
        targets.append(Copy.HOT)
    is_lost = source is None and Health.UNKNOWN not in found.values()
    return Repair(source, tuple(dict.fromkeys(targets)) if source else (), is_lost)
