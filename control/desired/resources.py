"""The fleet's desired state: every resource with the revision that last changed it. Immutable; pure.

A change is a revision: one number, counting up, for all types together. A type's version is the revision that last
touched it, so that a new licence does not send the keys anew.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from control.desired.persistent_map import PersistentMap
from kernel.fleet.messages import SETTINGS, TYPES, Resource, Version

ROLLOUT = "rollout"
"""The type whose one resource says how far the newest settings are rolled out; no edge gets it."""
QUARANTINE = "quarantine"
"""The type whose resources are nodes that control does not believe (see `control.fleet.quarantine`); no edge gets
it."""
KEY_OWNERS = "key-owners"
"""The type that says whose each public key is; no edge gets it."""
RESOURCE_TYPES = (*TYPES, KEY_OWNERS, SETTINGS, ROLLOUT, QUARANTINE)
"""The types that are desired: those that all edges hold alike, and what their documents of settings are made of."""

LOG_KEPT = 10_000
"""Touches of a type that are remembered for deltas; an edge further behind gets a snapshot."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one revision puts and removes, by type and name; contents are canonical JSON."""

    puts: Mapping[tuple[str, str], bytes] = field(default_factory=dict)
    removes: frozenset[tuple[str, str]] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.puts or self.removes)


@dataclass(frozen=True, slots=True)
class ResourceSet:
    """One type's resources by name. `log` has (revision, name) of the touches after `floor`, oldest first."""

    number: int = 0
    resources: PersistentMap[Resource] = field(default_factory=PersistentMap)
    log: tuple[tuple[int, str], ...] = ()
    floor: int = 0

    def touched_after(self, number: int) -> frozenset[str] | None:
        """The names touched after a revision; None when that is too long ago to know."""
        if number < self.floor:
            return None
        return frozenset(name for _, name in self.log[bisect_right(self.log, (number, "\U0010ffff")) :])

    def touched(self, revision: int, puts: Mapping[str, bytes], removes: Iterable[str]) -> ResourceSet:
        """The shelf after a revision."""
        gone = tuple(removes)
        made = {name: Resource(name, revision, content) for name, content in puts.items()}
        return self._with(made, gone, [(revision, name) for name in sorted({*puts, *gone})])

    def caught_up(self, touches: Iterable[tuple[int, str, bytes | None]]) -> ResourceSet:
        """The shelf after revisions made elsewhere: (revision, name, content; None: removed), the last of each name."""
        rows = sorted(touches, key=lambda touch: touch[:2])
        if not rows:
            return self
        made = {name: Resource(name, number, content) for number, name, content in rows if content is not None}
        return self._with(made, [row[1] for row in rows if row[2] is None], [row[:2] for row in rows])

    def _with(
        self, puts: Mapping[str, Resource], gone: Iterable[str], touched: Sequence[tuple[int, str]]
    ) -> ResourceSet:
        log = (*self.log, *touched)
        dropped, kept = log[:-LOG_KEPT], log[-LOG_KEPT:]
        floor = dropped[-1][0] if dropped else self.floor
        return ResourceSet(touched[-1][0], self.resources.updated(puts, gone), kept, floor)


_EMPTY = ResourceSet()


@dataclass(frozen=True, slots=True)
class Desired:
    """Everything that edges are to hold, as of `revision` within `epoch`."""

    epoch: str
    revision: int = 0
    resource_sets: Mapping[str, ResourceSet] = field(
        default_factory=lambda: MappingProxyType({kind: ResourceSet() for kind in RESOURCE_TYPES})
    )

    def version(self, kind: str) -> Version:
        """The version of a type."""
        return Version(self.epoch, self.resource_set(kind).number)

    def resource_set(self, kind: str) -> ResourceSet:
        """The resources of a type."""
        return self.resource_sets.get(kind, _EMPTY)

    def content(self, kind: str, name: str) -> bytes | None:
        """A resource's content; None when there is no such resource."""
        found = self.resource_set(kind).resources.get(name)
        return found.content if found else None

    def effective(self, change: Change) -> Change:
        """The part of a change that changes anything."""
        return Change(
            puts={key: content for key, content in change.puts.items() if self.content(*key) != content},
            removes=frozenset(key for key in change.removes if self.content(*key) is not None),
        )

    def at(self, revision: int) -> Desired:
        """The same state as of a later revision, which changed what edges do not hold."""
        return self if revision == self.revision else replace(self, revision=revision)

    def after(self, change: Change, revision: int) -> Desired:
        """The state once `change` is `revision`."""
        shelves = dict(self.resource_sets)
        for kind in RESOURCE_TYPES:
            puts = {name: content for (of, name), content in change.puts.items() if of == kind}
            removes = [name for of, name in change.removes if of == kind]
            if puts or removes:
                shelves[kind] = self.resource_set(kind).touched(revision, puts, removes)
        return replace(self, revision=revision, resource_sets=MappingProxyType(shelves))
