"""Which edges a session should use, best first, and why. Pure.

Region first, its neighbours then, anybody else last. Within a region the title decides (weighted rendezvous,
kernel.upstreams.rendezvous), so that the edges of a PoP share the library; the load of each is bounded at 1.25 of the
mean; a hot title lives on several edges, the first of the same order, among which the session chooses. An edge in
trouble (busy, doubted) comes after all that are well, wherever they are; one that drains, is not ready, ejected or
gone is not named, unless there is nobody else. The same question is answered alike until load or health change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import xxhash

from control.routing.health import ROUTED, WELL, Standing, Verdict
from kernel.upstreams.rendezvous import Candidate, bound, order, score

MAX_EDGES = 16
TTL = 10.0
TTL_IN_TROUBLE = 3.0
"""Seconds after which to ask again, while somebody is in trouble."""
FAR = 99


@dataclass(frozen=True, slots=True)
class CandidateEdge:
    """An edge that could be named: `running` is what it is busy with, `weight` its capacity (1 when not said)."""

    id: str
    address: str
    regions: tuple[str, ...]
    verdict: Verdict
    weight: float = 1.0
    running: int = 0


@dataclass(frozen=True, slots=True)
class RouteQuery:
    """Who asks for what; `without` are edges that failed this session."""

    content_id: str
    rendition: str = ""
    country: str = ""
    region: str = ""
    session: str = ""
    without: frozenset[str] = frozenset()
    most: int = 4


@dataclass(frozen=True, slots=True)
class Choice:
    """An edge with the reason for its place: the first word of `why` is its standing."""

    id: str
    address: str
    region: str
    why: str


@dataclass(frozen=True, slots=True)
class Routed:
    """The edges to use, those passed over, and the seconds until to ask again."""

    edges: tuple[Choice, ...]
    passed: tuple[Choice, ...]
    ttl: float


def near(region: str, country: str, neighbours: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The regions to look in, in their order: the viewer's own, then its neighbours; by country where none is said."""
    first = (region,) if region else tuple(neighbours.get(country, ()))[:1]
    rest = neighbours.get(first[0], ()) if first else ()
    return tuple(dict.fromkeys((*first, *neighbours.get(country, ()), *rest)))


def route(ask: RouteQuery, places: Iterable[CandidateEdge], regions: Sequence[str], replicas: int = 1) -> Routed:
    """The answer. `regions`: see `near`; `replicas`: on how many edges of a region the title is to be held."""
    pool = sorted(places, key=lambda place: place.id)
    named = [place for place in pool if place.verdict.standing in ROUTED and place.id not in ask.without]
    if not named:
        named = _last_resort(pool)
    ranks: dict[int, list[CandidateEdge]] = {}
    for place in named:
        ranks.setdefault(_rank(place, regions), []).append(place)
    ordered: list[tuple[bool, int, int, Choice]] = []
    for rank, group in ranks.items():
        for index, (place, why) in enumerate(_within(ask, group, replicas)):
            where = "home" if rank == 0 else "near" if rank < FAR else "far"
            words = ", ".join(word for word in (where, why, place.verdict.why) if word)
            choice = Choice(
                place.id, place.address, ",".join(place.regions), f"{place.verdict.standing.value}: {words}"
            )
            ordered.append((place.verdict.standing not in WELL, rank, index, choice))
    ordered.sort(key=lambda one: one[:3])
    most = min(ask.most, MAX_EDGES) if ask.most > 0 else MAX_EDGES
    taken = {place.id for place in named}
    passed = tuple(_passed(place, ask) for place in pool if place.id not in taken)
    calm = all(place.verdict.standing is Standing.GOOD for place in pool)
    return Routed(tuple(one[3] for one in ordered[:most]), passed, TTL if calm else TTL_IN_TROUBLE)


def _last_resort(pool: Sequence[CandidateEdge]) -> list[CandidateEdge]:
    """When nobody is left: who failed this session, the ejected, the not ready, those in quarantine (all may be there
    after control's database was put back from a copy), the gone, at last the drained."""
    for wanted in (ROUTED, {Standing.EJECTED}, {Standing.NOT_READY}, {Standing.QUARANTINED}, {Standing.GONE}):
        if found := [place for place in pool if place.verdict.standing in wanted]:
            return found
    return list(pool)


def _passed(place: CandidateEdge, ask: RouteQuery) -> Choice:
    failed = place.verdict.standing in ROUTED and place.id in ask.without
    why = "failed this session" if failed else place.verdict.why
    return Choice(place.id, place.address, ",".join(place.regions), f"{place.verdict.standing.value}: {why}")


def _rank(place: CandidateEdge, regions: Sequence[str]) -> int:
    """0 for home. An edge without a region is at home everywhere; a viewer without one is everywhere at home."""
    if not regions or not place.regions:
        return 0
    return min((regions.index(region) for region in place.regions if region in regions), default=FAR)


def _within(ask: RouteQuery, group: Sequence[CandidateEdge], replicas: int) -> list[tuple[CandidateEdge, str]]:
    """The edges of a region in their order, with a word on each."""
    key = ask.content_id.encode()
    loads = [Candidate(place.id.encode(), place.weight, place.running) for place in group]
    held = [group[index].id for index in order(key, [one._replace(running=0) for one in loads])][: max(1, replicas)]
    full = {place.id for place, load in zip(group, loads, strict=True) if load.running >= bound(loads, load)}
    ranked = [group[index] for index in order(key, loads)]

    def drawn(place: CandidateEdge) -> float:
        return score(place.id.encode(), place.weight, b"session\0" + ask.session.encode())

    holders = [place for place in ranked if place.id in held]
    if len(holders) > 1:
        holders.sort(key=drawn, reverse=True)
    others = [place for place in ranked if place.id not in held]
    later = {place.id for place in group if place.id in full or not _may_have(place, ask)}
    first = sorted((*holders, *others), key=lambda place: place.id in later)
    return [(place, _word(place, held, full, later)) for place in first]


def _may_have(place: CandidateEdge, ask: RouteQuery) -> bool:
    """In a slow start an edge has its share of the titles and sessions only."""
    if place.verdict.share >= 1:
        return True
    drawn = xxhash.xxh3_64_intdigest(f"{place.id}\0{ask.content_id}\0{ask.session}".encode())
    return drawn / (1 << 64) < place.verdict.share


def _word(place: CandidateEdge, held: Sequence[str], full: set[str], later: set[str]) -> str:
    if place.id in full:
        return f"beyond its bound with {place.running} connections"
    if place.id in later:
        return "slow start"
    if place.id not in held:
        return ""
    return "has the title" if len(held) == 1 else f"one of {len(held)} that have the title"
