"""Routing at work: joins reports, probes and notes of edges, and answers which edges a session should use.

`control.routing.health` judges edges, `control.routing.ranking` ranks them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import ip_address

import structlog

from control.fleet.fanout import Edge, Fanout
from control.fleet.nodes import Node
from control.popularity.planner import weight_of
from control.routing.health import (
    ROUTED,
    EdgeObservation,
    ObservationHistory,
    Probe,
    SignalSample,
    Standing,
    Verdict,
    judge,
    told_by_viewers,
)
from control.routing.ranking import CandidateEdge, Routed, RouteQuery, near, route
from kernel.clock import Clock
from kernel.fleet.messages import Hello, Report
from kernel.settings.table import parse_address

JUDGED_FOR = 0.25
"""Seconds that verdicts are used for, unless something happens."""
EDGES_IN_A_NOTE = 10_000

log = structlog.get_logger("control")


class RoutingService:
    """One replica's view of how edges do. `node_of` says what operators say of an edge; `replicas` (region, contentId)
    on how many edges of a region a title is to be held; `neighbours` where to look beside a region (or by country)."""

    def __init__(self, fanout: Fanout, node_of: Callable[[Hello], Node], clock: Clock, prober: str = "here") -> None:
        self._fanout = fanout
        self._node_of = node_of
        self._clock = clock
        self.prober = prober
        self.neighbours: Mapping[str, Sequence[str]] = {}
        self.replicas: Callable[[str, str], int] = lambda _region, _content_id: 1
        self.quarantined: Callable[[str], str] = lambda _: ""
        """Why a node is in quarantine."""
        self.watched: dict[str, ObservationHistory] = {}
        self._lost: dict[str, float] = {}
        self._sent: dict[str, set[tuple[str, str]]] = {}
        self._verdicts: dict[str, Verdict] = {}
        self._judged_at = float("-inf")
        self.answered = 0
        self.probed: dict[str, int] = {"well": 0, "failed": 0}
        self.signals = 0
        fanout.on_report.append(self._on_report)

    # -- what comes in ------------------------------------------------------------------------------------------

    def _on_report(self, edge: Edge, report: Report) -> None:
        name = edge.hello.id
        self._sent.pop(name, None)
        known = self._verdicts.get(name)
        if known is None or (known.standing in ROUTED) != (report.ready and not report.draining):
            self._judged_at = float("-inf")

    def take_probe(self, name: str, *, well: bool, reached: bool, detail: str = "") -> None:
        """What this replica saw of an edge."""
        self.probed["well" if well else "failed"] += 1
        watched = self.watched.setdefault(name, ObservationHistory())
        before = watched.probes.get(self.prober)
        watched.take_probe(self.prober, self._clock.mono(), well=well, reached=reached, detail=detail)
        if before is None or (before.failures == 0) != well:
            self._judged_at = float("-inf")

    def take_signal(self, edge: str, session: str, requests: int, errors: int, stalled: float) -> None:
        """What playback heard of a session at an edge, named by its id or its address."""
        self.signals += 1
        name = edge if edge in self._fanout.edges else self._at(edge)
        if name:
            told = SignalSample(requests, errors, stalled, self._clock.mono())
            self.watched.setdefault(name, ObservationHistory()).take_signal(session[:128], told)

    def told_by_viewers(self, name: str) -> str:
        """What sessions say of an edge."""
        watched = self.watched.get(name)
        return told_by_viewers(watched, self._clock.mono()) if watched is not None else ""

    def _at(self, address: str) -> str:
        return next((edge.hello.id for edge in self._fanout.edges.values() if self.address_of(edge) == address), "")

    def address_of(self, edge: Edge) -> str:
        """Where viewers reach an edge: as an operator says, else as it says itself."""
        return self._node_of(edge.hello).address or edge.hello.address

    # -- what other replicas are told and say --------------------------------------------------------------------

    def note(self) -> bytes:
        """This replica's probes, for the others: `{edge: [failures, seconds ago, reached, detail]}`."""
        now = self._clock.mono()
        mine = {
            name: [probe.failures, round(now - probe.at, 3), probe.reached, probe.detail]
            for name, watched in self.watched.items()
            if (probe := watched.probes.get(self.prober)) is not None
        }
        return json.dumps(mine, separators=(",", ":")).encode()

    def take_note(self, prober: str, written: float, content: bytes) -> None:
        """What another replica wrote at `written` (Unix seconds). What cannot be read is left out: it is of a peer."""
        try:
            rows = json.loads(content)
            since = self._clock.mono() - max(0.0, self._clock.wall() - written)
            for name, (failures, ago, reached, detail) in list(rows.items())[:EDGES_IN_A_NOTE]:
                probe = Probe(int(failures), since - float(ago), bool(reached), str(detail)[:200])
                self.watched.setdefault(str(name), ObservationHistory()).probes[prober] = probe
        except (ValueError, TypeError, AttributeError):
            log.warning("replica-probes-unreadable", replica=prober)

    # -- what is made of it -------------------------------------------------------------------------------------

    def edges(self) -> Iterable[Edge]:
        """The edges that viewers could be sent to, or that ought to be probed."""
        return [edge for edge in self._fanout.edges.values() if self._node_of(edge.hello).role == "edge"]

    def verdicts(self) -> Mapping[str, Verdict]:
        """How each edge stands now."""
        now = self._clock.mono()
        edges = list(self.edges())
        lost = {edge.hello.id for edge in edges if not edge.connected}
        if now - self._judged_at < JUDGED_FOR and lost == self._lost.keys():
            return self._verdicts
        self._judged_at = now
        self._lost = {name: self._lost.get(name, now) for name in lost}
        for name in self.watched.keys() - self._fanout.edges.keys():
            del self.watched[name]
        seen = {edge.hello.id: self._seen(edge) for edge in edges}
        for name in seen:
            self.watched.setdefault(name, ObservationHistory())
        found = judge(self.watched, seen, now)
        for name, verdict in found.items():
            before = self._verdicts.get(name)
            if before is not None and before.standing is not verdict.standing:
                log.info("edge-standing-changed", edge=name, standing=verdict.standing.value, why=verdict.why)
        self._verdicts = found
        return found

    def _seen(self, edge: Edge) -> EdgeObservation:
        node = self._node_of(edge.hello)
        lost_at = self._lost.get(edge.hello.id, 0.0)
        return EdgeObservation(
            pool=node.region,
            connected=edge.connected,
            lost_at=lost_at,
            report=edge.report,
            reported_at=edge.reported_at,
            capacity=max(node.capacity, edge.hello.capacity),
            drained=node.drained is not None,
            quarantined=self.quarantined(edge.hello.id),
        )

    def route(self, ask: RouteQuery) -> Routed:
        """The edges that a session should use, best first."""
        self.answered += 1
        verdicts = self.verdicts()
        regions = near(ask.region, ask.country, self.neighbours)
        places = [self._place(edge, verdicts) for edge in self.edges() if _has_address(self.address_of(edge))]
        replicas = self.replicas(ask.region, ask.content_id)
        routed = route(ask, places, regions, replicas)
        if routed.edges:  # until its next report: many may ask between two, and some more than once
            self._sent.setdefault(routed.edges[0].id, set()).add((ask.content_id, ask.session))
        return routed

    def _place(self, edge: Edge, verdicts: Mapping[str, Verdict]) -> CandidateEdge:
        node = self._node_of(edge.hello)
        name = edge.hello.id
        running = (edge.report.connections if edge.report is not None else 0) + len(self._sent.get(name, ()))
        return CandidateEdge(
            id=name,
            address=self.address_of(edge),
            regions=tuple(part for part in node.region.split(",") if part),
            verdict=verdicts.get(name, Verdict(Standing.GOOD)),
            weight=weight_of(node.capacity),
            running=running,
        )


def _has_address(address: str) -> bool:
    """Whether viewers could use it: an edge that listens everywhere has not said where it is."""
    try:
        return not ip_address(parse_address(address).host).is_unspecified
    except ValueError:
        return bool(address) and not address.startswith(":")
