"""What may be served now: the origin's answers, the purges and the faults, and what follows from them. Pure.

All times are the soak's own monotonic seconds. The model is lenient where the standards are (stale while revalidating,
a fill that is still running) and strict where they are strict: nothing from before a purge after its receipt, nothing
stale that must be revalidated, nothing of one viewer's for another.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from math import inf

from tests.soak.things import Thing

SLACK = 1.3
"""Seconds of rounding in Age and Date, a tier."""
WAKE = 2.0
"""Seconds for which an edge may still be passing on an answer whose last byte the origin has written."""
FAILURE_REMEMBERED = 60.0
"""Seconds: the longest pause between two questions, and how long a failure counts after it (edge/fill/revalidation)."""
SHADOW = 3.0
"""Seconds after a fault in which it may still be the cause of an error."""


@dataclass(slots=True)
class Answer:
    """What the origin answered: to a request that came at `arrived`, head at `headed`, last byte at `ended`."""

    serial: int
    name: str
    tongue: str
    label: str
    status: int
    length: int
    arrived: float
    headed: float = inf
    ended: float = inf
    fresh: float = 0.0
    swr: float = 0.0
    sie: float = 0.0
    must: bool = False
    shared: bool = True
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Purge:
    """Sent at `sent`, receipt at `receipt`; reaches what `names`, `prefixes`, `keys` or `everything` say."""

    sent: float
    receipt: float
    soft: bool = False
    names: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    keys: frozenset[str] = frozenset()
    everything: bool = False

    def reaches(self, thing: Thing) -> bool:
        """Whether it reaches this one."""
        return (
            self.everything
            or thing.name in self.names
            or thing.name.startswith(self.prefixes)
            or not self.keys.isdisjoint(thing.keys)
        )


@dataclass(slots=True)
class Fault:
    """Something goes wrong from `began` to `ended` (inf while it lasts), for one name or (None) for all."""

    began: float
    name: str | None
    what: str
    ended: float = inf


@dataclass
class Model:
    """Everything that happened. `hops`: tiers between origin and viewer."""

    things: dict[str, Thing]
    hops: int = 1
    general: bool = True
    answers: dict[int, Answer] = field(default_factory=dict)
    purges: list[Purge] = field(default_factory=list)
    softened: list[Purge] = field(default_factory=list)
    """Soft purges that have begun, whether their receipt ever comes or not."""
    faults: list[Fault] = field(default_factory=list)
    versions: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
    told: dict[str, deque[tuple[float, str]]] = field(default_factory=lambda: defaultdict(lambda: deque(maxlen=60)))
    delivered: dict[int, str] = field(default_factory=dict)
    _by_label: dict[tuple[str, str, str], list[Answer]] = field(default_factory=lambda: defaultdict(list))
    _own_faults: dict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))

    # -- what happened -----------------------------------------------------------------------------------------

    def version(self, name: str) -> int:
        """The version that the origin holds now."""
        return self.versions[name][-1][1] if name in self.versions else 0

    def changed(self, name: str, now: float) -> int:
        """The origin has a new version."""
        new = self.version(name) + 1
        self.versions.setdefault(name, []).append((now, new))
        return new

    def answered(self, answer: Answer) -> None:
        """The origin is about to answer."""
        self.answers[answer.serial] = answer
        self._by_label[answer.name, answer.tongue, answer.label].append(answer)

    def fault(self, began: float, name: str | None, what: str) -> Fault:
        """A fault begins; whoever makes it says when it has ended."""
        made = Fault(began, name, what)
        (self.faults if name is None else self._own_faults[name]).append(made)
        return made

    # -- what follows ------------------------------------------------------------------------------------------

    def troubled(self, name: str, since: float, until: float) -> bool:
        """Whether a fault between `since` and `until`, or shortly before, explains an error."""
        own = self._own_faults.get(name, ())
        return any(one.began <= until + 0.2 and one.ended + SHADOW >= since for one in (*reversed(own), *self.faults))

    def may_serve(self, name: str, tongue: str, label: str, sent: float, headed: float) -> str:
        """Why a version must not have been served to a request of `sent` whose head came at `headed`; "" if it may."""
        thing, why = self.things[name], "the origin never gave this version"
        for answer in reversed(self._by_label.get((name, tongue, label), ())):
            if answer.arrived <= headed:
                reason = self.outdated(answer, thing, sent) or self._stale(answer, thing, sent, headed)
                if not reason:
                    return ""
                why = reason if why.startswith("the origin never") else why
        return why

    def latest(self, answer: Answer, headed: float) -> float:
        """When the origin last said before `headed` that an answer's version holds: a tier's 304 makes it young."""
        same = self._by_label[answer.name, answer.tongue, answer.label]
        return max(one.headed for one in same if one.arrived <= headed and one.headed < inf)

    def outdated(self, answer: Answer, thing: Thing, sent: float) -> str:
        """Why an answer must not be used for a request of `sent`: a hard purge that had been acknowledged."""
        for purge in reversed(self.purges):
            if not purge.soft and purge.receipt < sent and answer.arrived < purge.sent and purge.reaches(thing):
                return f"answer {answer.serial} is from before a purge acknowledged at {purge.receipt:.3f}"
        return ""

    def _stale(self, answer: Answer, thing: Thing, sent: float, headed: float) -> str:
        fresh_until, softened = answer.headed + answer.fresh, False
        for purge in self.purges:
            if purge.soft and purge.receipt < sent and answer.arrived < purge.sent and purge.reaches(thing):
                fresh_until, softened = min(fresh_until, purge.receipt), True
        grace = 0.0 if answer.must else answer.swr
        # A failure is remembered: stale stands in for an error until the next question has been answered.
        if not answer.must and answer.sie > grace and self.troubled(thing.name, sent - FAILURE_REMEMBERED, headed):
            grace = answer.sie
        if answer.shared and answer.fresh + grace > 0 and sent <= fresh_until + grace + SLACK * self.hops:
            return ""
        if not softened and answer.ended + WAKE >= sent:
            return ""
        if not answer.shared:
            return f"answer {answer.serial} was for one viewer alone, and over {sent - answer.ended:.2f} s before"
        return f"answer {answer.serial} was stale since {sent - fresh_until:.2f} s, {grace:g} s allowed"

    # -- to tell -----------------------------------------------------------------------------------------------

    def note(self, name: str, now: float, what: str) -> None:
        """Remember what a viewer got, for the report."""
        self.told[name].append((now, what))

    def story(self, name: str) -> list[str]:
        """Everything that is known of one name, in order of time."""
        thing = self.things[name]
        events = [(when, f"version {number} at the origin") for when, number in self.versions.get(name, ())]
        for a in self.answers.values():
            if a.name == name:
                what = f"answer {a.serial}: {a.status} {a.label} {a.tongue}{' ' + a.fault if a.fault else ''}"
                events.append((a.arrived, f"{what}, head at {a.headed:.3f}, end at {a.ended:.3f}"))
        events += [(p.sent, f"{'soft' if p.soft else 'hard'} purge, receipt at {p.receipt:.3f}")
                   for p in self.purges if p.reaches(thing)]  # fmt: skip
        events += [(f.began, f"{f.what} until {f.ended:.3f}") for f in (*self.faults, *self._own_faults[name])]
        events += self.told[name]
        return [f"{when:9.3f}  {what}" for when, what in sorted(events)][-120:]
