"""Routing at work: collects reports, probes and signals of edges, and answers which edges a session should use.

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
    viewer_trouble,
)
from control.routing.ranking import CandidateEdge, RankedEdges, RouteQuery, nearby_regions, rank_edges
from kernel.clock import Clock
from kernel.fleet.messages import Hello, Report
from kernel.settings.table import parse_address

VERDICT_SECONDS = 0.25
"""Seconds for which verdicts are used, unless an observation contradicts one."""
MAX_EDGES_IN_NOTE = 10_000
MAX_SESSION_LENGTH = 128
MAX_DETAIL_LENGTH = 200

log = structlog.get_logger("control")


class RoutingService:
    """One replica's view of the edges' health.

    `node_of`: a node as operators describe it; `replicas` (region, contentId): how many edges of a region hold a title;
    `neighbours`: the regions to use besides a region, or for a country; `quarantined`: why a node is in quarantine.
    """

    def __init__(self, fanout: Fanout, node_of: Callable[[Hello], Node], clock: Clock, prober: str = "here") -> None:
        self._fanout = fanout
        self._node_of = node_of
        self._clock = clock
        self.prober = prober
        self.neighbours: Mapping[str, Sequence[str]] = {}
        self.replicas: Callable[[str, str], int] = lambda _region, _content_id: 1
        self.quarantined: Callable[[str], str] = lambda _: ""
        self.histories: dict[str, ObservationHistory] = {}
        self._lost_since: dict[str, float] = {}
        self._recent_sessions: dict[str, set[tuple[str, str]]] = {}
        self._verdicts: dict[str, Verdict] = {}
        self._judged_at = float("-inf")
        self.answered = 0
        self.probed: dict[str, int] = {"well": 0, "failed": 0}
        self.signals = 0
        fanout.on_report.append(self._on_report)

    # -- observations ------------------------------------------------------------------------------------------

    def _on_report(self, edge: Edge, report: Report) -> None:
        name = edge.hello.id
        self._recent_sessions.pop(name, None)  # its report counts their connections from now on
        known = self._verdicts.get(name)
        if known is None or (known.standing in ROUTED) != (report.ready and not report.draining):
            self._judged_at = float("-inf")

    def record_probe(self, name: str, *, well: bool, reached: bool, detail: str = "") -> None:
        """Record the result of this replica's probe of an edge."""
        self.probed["well" if well else "failed"] += 1
        history = self.histories.setdefault(name, ObservationHistory())
        before = history.probes.get(self.prober)
        history.record_probe(self.prober, self._clock.mono(), well=well, reached=reached, detail=detail)
        if before is None or (before.failures == 0) != well:
            self._judged_at = float("-inf")

    def record_signal(self, edge: str, session: str, requests: int, errors: int, stalled: float) -> None:
        """Record what a session reported to playback of an edge, named by its id or address."""
        self.signals += 1
        name = edge if edge in self._fanout.edges else self._edge_at(edge)
        if name:
            signal = SignalSample(requests, errors, stalled, self._clock.mono())
            self.histories.setdefault(name, ObservationHistory()).record_signal(session[:MAX_SESSION_LENGTH], signal)

    def viewer_trouble(self, name: str) -> str:
        """The trouble that sessions report of an edge; "" while there is none."""
        history = self.histories.get(name)
        return viewer_trouble(history, self._clock.mono()) if history is not None else ""

    def _edge_at(self, address: str) -> str:
        return next((edge.hello.id for edge in self._fanout.edges.values() if self.address_of(edge) == address), "")

    def address_of(self, edge: Edge) -> str:
        """Where viewers reach an edge: as an operator set it, otherwise as the edge says."""
        return self._node_of(edge.hello).address or edge.hello.address

    # -- notes between replicas --------------------------------------------------------------------------------

    def probe_note(self) -> bytes:
        """This replica's probes as JSON for the others: `{edge: [failures, seconds ago, reached, detail]}`."""
        now = self._clock.mono()
        rows = {
            name: [probe.failures, round(now - probe.at, 3), probe.reached, probe.detail]
            for name, history in self.histories.items()
            if (probe := history.probes.get(self.prober)) is not None
        }
        return json.dumps(rows, separators=(",", ":")).encode()

    def record_note(self, prober: str, written: float, content: bytes) -> None:
        """Record another replica's probes, written at `written` (Unix seconds). A note that is malformed is ignored."""
        try:
            rows = json.loads(content)
            since = self._clock.mono() - max(0.0, self._clock.wall() - written)
            for name, (failures, ago, reached, detail) in list(rows.items())[:MAX_EDGES_IN_NOTE]:
                probe = Probe(int(failures), since - float(ago), bool(reached), str(detail)[:MAX_DETAIL_LENGTH])
                self.histories.setdefault(str(name), ObservationHistory()).probes[prober] = probe
        except (ValueError, TypeError, AttributeError):
            log.warning("replica-probes-unreadable", replica=prober)

    # -- verdicts and answers ----------------------------------------------------------------------------------

    def edges(self) -> Iterable[Edge]:
        """The nodes with the role edge, which viewers may be sent to and which are probed."""
        return [edge for edge in self._fanout.edges.values() if self._node_of(edge.hello).role == "edge"]

    def verdicts(self) -> Mapping[str, Verdict]:
        """The verdict on each edge now."""
        now = self._clock.mono()
        edges = list(self.edges())
        lost = {edge.hello.id for edge in edges if not edge.connected}
        if now - self._judged_at < VERDICT_SECONDS and lost == self._lost_since.keys():
            return self._verdicts
        self._judged_at = now
        self._lost_since = {name: self._lost_since.get(name, now) for name in lost}
        for name in self.histories.keys() - self._fanout.edges.keys():
            del self.histories[name]
        seen = {edge.hello.id: self._observe(edge) for edge in edges}
        for name in seen:
            self.histories.setdefault(name, ObservationHistory())
        verdicts = judge(self.histories, seen, now)
        for name, verdict in verdicts.items():
            before = self._verdicts.get(name)
            if before is not None and before.standing is not verdict.standing:
                log.info("edge-standing-changed", edge=name, standing=verdict.standing.value, why=verdict.why)
        self._verdicts = verdicts
        return verdicts

    def _observe(self, edge: Edge) -> EdgeObservation:
        node = self._node_of(edge.hello)
        return EdgeObservation(
            pool=node.region,
            connected=edge.connected,
            lost_at=self._lost_since.get(edge.hello.id, 0.0),
            report=edge.report,
            reported_at=edge.reported_at,
            capacity=max(node.capacity, edge.hello.capacity),
            drained=node.drained is not None,
            quarantined=self.quarantined(edge.hello.id),
        )

    def route(self, query: RouteQuery) -> RankedEdges:
        """The edges that a session should use, best first."""
        self.answered += 1
        verdicts = self.verdicts()
        regions = nearby_regions(query.region, query.country, self.neighbours)
        candidates = [self._candidate(edge, verdicts) for edge in self.edges() if _is_usable(self.address_of(edge))]
        ranked = rank_edges(query, candidates, regions, self.replicas(query.region, query.content_id))
        if ranked.edges:
            # Until the edge's next report counts their connections. A set: some sessions ask more than once.
            self._recent_sessions.setdefault(ranked.edges[0].id, set()).add((query.content_id, query.session))
        return ranked

    def _candidate(self, edge: Edge, verdicts: Mapping[str, Verdict]) -> CandidateEdge:
        node = self._node_of(edge.hello)
        name = edge.hello.id
        connections = edge.report.connections if edge.report is not None else 0
        return CandidateEdge(
            id=name,
            address=self.address_of(edge),
            regions=tuple(part for part in node.region.split(",") if part),
            verdict=verdicts.get(name, Verdict(Standing.GOOD)),
            weight=weight_of(node.capacity),
            running=connections + len(self._recent_sessions.get(name, ())),
        )


def _is_usable(address: str) -> bool:
    """Whether viewers can use the address: one that says "listens on every interface" names no host."""
    try:
        return not ip_address(parse_address(address).host).is_unspecified
    except ValueError:
        return bool(address) and not address.startswith(":")
