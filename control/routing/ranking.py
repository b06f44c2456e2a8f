"""Rank the edges that a session should use, best first, with the reason for each. Pure.

The viewer's region comes first, then its neighbours, then any region. Within a region the title decides (weighted
rendezvous, `kernel.upstreams.rendezvous`), so the edges of a PoP divide the library among them; each edge's load is
bounded at 1.25 times the mean; a hot title is on several edges, the first of that order, and the session's own draw
picks one. Edges in trouble (busy, doubted) come after all healthy ones, wherever those are. Edges that drain, are not
ready, ejected or gone are named only if no other is left. The same query gets the same answer until load or health
change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import xxhash

from control.routing.health import HEALTHY, ROUTED, Standing, Verdict
from kernel.upstreams.rendezvous import Candidate, bound, order, score

MAX_EDGES = 16
"""Edges in one answer."""
TTL = 10.0
"""Seconds after which to ask again, while all edges are good."""
TTL_IN_TROUBLE = 3.0
"""The same, while one of them is not."""
FAR = 99
"""The distance of an edge outside the viewer's region and its neighbours."""


@dataclass(frozen=True, slots=True)
class CandidateEdge:
    """An edge that could be named. `running`: its connections; `weight`: its capacity (1 if unknown)."""

    id: str
    address: str
    regions: tuple[str, ...]
    verdict: Verdict
    weight: float = 1.0
    running: int = 0


@dataclass(frozen=True, slots=True)
class RouteQuery:
    """A session and what it plays; `without`: the edges that failed it."""

    content_id: str
    rendition: str = ""
    country: str = ""
    region: str = ""
    session: str = ""
    without: frozenset[str] = frozenset()
    most: int = 4


@dataclass(frozen=True, slots=True)
class Choice:
    """An edge with the reason for its place; `why` starts with its standing."""

    id: str
    address: str
    region: str
    why: str


@dataclass(frozen=True, slots=True)
class RankedEdges:
    """The edges to use, the edges passed over, and the seconds after which to ask again."""

    edges: tuple[Choice, ...]
    passed: tuple[Choice, ...]
    ttl: float


def nearby_regions(region: str, country: str, neighbours: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The viewer's region, then its neighbours. Without a region, the country's neighbours stand in for it."""
    first = (region,) if region else tuple(neighbours.get(country, ()))[:1]
    rest = neighbours.get(first[0], ()) if first else ()
    return tuple(dict.fromkeys((*first, *neighbours.get(country, ()), *rest)))


def rank_edges(
    query: RouteQuery, candidates: Iterable[CandidateEdge], regions: Sequence[str], replicas: int = 1
) -> RankedEdges:
    """Rank the candidates. `regions`: see `nearby_regions`; `replicas`: edges of a region that hold the title."""
    pool = sorted(candidates, key=lambda edge: edge.id)
    usable = [edge for edge in pool if edge.verdict.standing in ROUTED and edge.id not in query.without]
    if not usable:
        usable = _last_resort(pool)
    by_distance: dict[int, list[CandidateEdge]] = {}
    for edge in usable:
        by_distance.setdefault(_distance(edge, regions), []).append(edge)
    ranked: list[tuple[bool, int, int, Choice]] = []
    for distance, group in by_distance.items():
        where = "home" if distance == 0 else "near" if distance < FAR else "far"
        for place, (edge, reason) in enumerate(_order_within_region(query, group, replicas)):
            choice = _choice(edge, ", ".join(word for word in (where, reason, edge.verdict.why) if word))
            ranked.append((edge.verdict.standing not in HEALTHY, distance, place, choice))
    ranked.sort(key=lambda row: row[:3])
    limit = min(query.most, MAX_EDGES) if query.most > 0 else MAX_EDGES
    used = {edge.id for edge in usable}
    passed = tuple(_choice(edge, _why_passed_over(edge, query)) for edge in pool if edge.id not in used)
    all_good = all(edge.verdict.standing is Standing.GOOD for edge in pool)
    return RankedEdges(tuple(row[3] for row in ranked[:limit]), passed, TTL if all_good else TTL_IN_TROUBLE)


def _choice(edge: CandidateEdge, reason: str) -> Choice:
    return Choice(edge.id, edge.address, ",".join(edge.regions), f"{edge.verdict.standing.value}: {reason}")


def _why_passed_over(edge: CandidateEdge, query: RouteQuery) -> str:
    failed = edge.verdict.standing in ROUTED and edge.id in query.without
    return "failed this session" if failed else edge.verdict.why


_LAST_RESORTS = (
    ROUTED,  # all of them failed this session
    {Standing.EJECTED},
    {Standing.NOT_READY},
    {Standing.QUARANTINED},  # after control's database was restored from a copy, every edge may be
    {Standing.GONE},
)


def _last_resort(pool: Sequence[CandidateEdge]) -> list[CandidateEdge]:
    """The edges of the first standing that has any, for when no usable edge is left; drained edges come last."""
    for standings in _LAST_RESORTS:
        if found := [edge for edge in pool if edge.verdict.standing in standings]:
            return found
    return list(pool)


def _distance(edge: CandidateEdge, regions: Sequence[str]) -> int:
    """0 in the viewer's region. An edge without a region is at home everywhere, a viewer without one at every edge."""
    if not regions or not edge.regions:
        return 0
    return min((regions.index(region) for region in edge.regions if region in regions), default=FAR)


def _order_within_region(
    query: RouteQuery, group: Sequence[CandidateEdge], replicas: int
) -> list[tuple[CandidateEdge, str]]:
    """The edges at one distance in their order, each with the reason for its place.

    First the holders of the title (by the session's draw, if several), then the others in rendezvous order. Edges over
    their load bound, or outside their share in a slow start, come after all of these.
    """
    key = query.content_id.encode()
    loads = [Candidate(edge.id.encode(), edge.weight, edge.running) for edge in group]
    unloaded = [load._replace(running=0) for load in loads]
    holder_ids = [group[index].id for index in order(key, unloaded)][: max(1, replicas)]
    full = {edge.id for edge, load in zip(group, loads, strict=True) if load.running >= bound(loads, load)}
    ordered = [group[index] for index in order(key, loads)]

    def session_draw(edge: CandidateEdge) -> float:
        return score(edge.id.encode(), edge.weight, b"session\0" + query.session.encode())

    holders = [edge for edge in ordered if edge.id in holder_ids]
    if len(holders) > 1:
        holders.sort(key=session_draw, reverse=True)
    others = [edge for edge in ordered if edge.id not in holder_ids]
    last = {edge.id for edge in group if edge.id in full or not _is_in_share(edge, query)}
    ordered = sorted((*holders, *others), key=lambda edge: edge.id in last)
    return [(edge, _reason(edge, holder_ids, full, last)) for edge in ordered]


def _is_in_share(edge: CandidateEdge, query: RouteQuery) -> bool:
    """Whether an edge may have this title and session: in a slow start it gets a share of them, drawn by hash."""
    if edge.verdict.share >= 1:
        return True
    drawn = xxhash.xxh3_64_intdigest(f"{edge.id}\0{query.content_id}\0{query.session}".encode())
    return drawn / (1 << 64) < edge.verdict.share


def _reason(edge: CandidateEdge, holder_ids: Sequence[str], full: set[str], last: set[str]) -> str:
    if edge.id in full:
        return f"over its bound with {edge.running} connections"
    if edge.id in last:
        return "slow start"
    if edge.id not in holder_ids:
        return ""
    return "has the title" if len(holder_ids) == 1 else f"one of {len(holder_ids)} that have the title"
