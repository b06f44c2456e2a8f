"""The fleet's desired state: every resource with the revision that last changed it. Immutable; pure.

A change is a revision: one increasing number for all types together. A type's version is the revision that last changed
it, so a new licence does not resend the keys.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from control.desired.persistent_map import PersistentMap
from kernel.fleet.messages import SETTINGS, TYPES, Resource, Version

ROLLOUT = "rollout"
"""The type whose single resource is the state of the newest rollout; control keeps it to itself."""
QUARANTINE = "quarantine"
"""The type whose resources are the nodes in quarantine (see `control.fleet.quarantine`); control keeps it to itself."""
KEY_OWNERS = "key-owners"
"""The type whose resources are the owners of public keys; control keeps it to itself."""
RESOURCE_TYPES = (*TYPES, KEY_OWNERS, SETTINGS, ROLLOUT, QUARANTINE)
"""All types: those that every edge holds alike, and those that control derives settings and verdicts from."""

MAX_LOG = 10_000
"""Changes of a type that are remembered for deltas; an edge further behind gets a snapshot."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one revision puts and removes, by (type, name); contents are canonical JSON."""

    puts: Mapping[tuple[str, str], bytes] = field(default_factory=dict)
    removes: frozenset[tuple[str, str]] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.puts or self.removes)


@dataclass(frozen=True, slots=True)
class ResourceSet:
    """One type's resources by name. `log`: (revision, name) of the changes after `floor`, oldest first."""

    number: int = 0
    resources: PersistentMap[Resource] = field(default_factory=PersistentMap)
    log: tuple[tuple[int, str], ...] = ()
    floor: int = 0

    def touched_after(self, number: int) -> frozenset[str] | None:
        """The names changed after a revision; None if that is too long ago to know."""
        if number < self.floor:
            return None
        return frozenset(name for _, name in self.log[bisect_right(self.log, (number, "\U0010ffff")) :])

    def with_revision(self, revision: int, puts: Mapping[str, bytes], removes: Iterable[str]) -> ResourceSet:
        """The set after a revision."""
        gone = tuple(removes)
        made = {name: Resource(name, revision, content) for name, content in puts.items()}
        return self._with(made, gone, [(revision, name) for name in sorted({*puts, *gone})])

    def with_touches(self, touches: Iterable[tuple[int, str, bytes | None]]) -> ResourceSet:
        """The set after other replicas' revisions: (revision, name, content; None: removed), the last of each name."""
        rows = sorted(touches, key=lambda touch: touch[:2])
        if not rows:
            return self
        made = {name: Resource(name, number, content) for number, name, content in rows if content is not None}
        return self._with(made, [row[1] for row in rows if row[2] is None], [row[:2] for row in rows])

    def _with(
        self, puts: Mapping[str, Resource], gone: Iterable[str], touched: Sequence[tuple[int, str]]
    ) -> ResourceSet:
        log = (*self.log, *touched)
        dropped, kept = log[:-MAX_LOG], log[-MAX_LOG:]
        floor = dropped[-1][0] if dropped else self.floor
        return ResourceSet(touched[-1][0], self.resources.updated(puts, gone), kept, floor)


_EMPTY = ResourceSet()


@dataclass(frozen=True, slots=True)
class Desired:
    """Everything that edges must hold, as of `revision` within `epoch`."""

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
        """The part of a change that differs from the present state."""
        return Change(
            puts={key: content for key, content in change.puts.items() if self.content(*key) != content},
            removes=frozenset(key for key in change.removes if self.content(*key) is not None),
        )

    def with_revision_number(self, revision: int) -> Desired:
        """The same resources at a later revision, which changed other tables."""
        return self if revision == self.revision else replace(self, revision=revision)

    def with_change(self, change: Change, revision: int) -> Desired:
        """The state after `change`, made as `revision`."""
        sets = dict(self.resource_sets)
        for kind in RESOURCE_TYPES:
            puts = {name: content for (of, name), content in change.puts.items() if of == kind}
            removes = [name for of, name in change.removes if of == kind]
            if puts or removes:
                sets[kind] = self.resource_set(kind).with_revision(revision, puts, removes)
        return replace(self, revision=revision, resource_sets=MappingProxyType(sets))
