"""Hot titles at work: adds up the edges' reports, and sends each edge its hot list every other second."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable

from control.desired.documents import Document
from control.fleet.fanout import Edge, Fanout
from control.fleet.nodes import DEFAULT_CAPACITY, Node, effective_node
from control.popularity.aggregate import Popularity
from control.popularity.planner import EdgeCapacity, HotTitlePlanner, changed_edges, weight_of
from kernel.clock import Clock
from kernel.fleet.hot_list import HotRow, hot_document
from kernel.fleet.messages import HOT, Hello, Report, Version
from system.clock import sleep

PLAN_EVERY = 2.0
SILENT_AFTER = 30.0
"""Seconds without a report after which an edge gets no titles."""


class HotTitlesService:
    """Listens to a fan-out's reports and is the source of its hot lists. Run `run` as one task."""

    def __init__(self, fanout: Fanout, clock: Clock, node_of: Callable[[Hello], Node] | None = None) -> None:
        self.popularity = Popularity()
        self.planner = HotTitlePlanner()
        self._node_of = node_of or (lambda hello: effective_node(hello, {}, {}))
        self.title_exists: Callable[[str], bool] = lambda _: True
        self._fanout = fanout
        self._clock = clock
        self._epoch = f"hot-{secrets.token_hex(8)}"  # lists do not outlive the process
        self._number = 0
        self._lists: dict[str, tuple[HotRow, ...]] = {}
        self._documents: dict[str, Document] = {}
        fanout.on_report.append(self.record_report)
        fanout.sources[HOT] = self.document

    def record_report(self, edge: Edge, report: Report) -> None:
        """Count what an edge serves: of existing titles, in the node's own region, up to what it can have sent.

        A shield's report does not count: it sees misses, not viewers.
        """
        if edge.hello.role == "edge":
            node = self._node_of(edge.hello)
            rows = [row for row in report.popular if self.title_exists(row.content_id)]
            max_rate = (node.capacity or DEFAULT_CAPACITY) / 8
            self.popularity.record_report(edge.hello.id, region_of(node), rows, self._clock.mono(), max_rate)

    def document(self, hello: Hello) -> Document | None:
        """An edge's hot list; None until it has had one."""
        return self._documents.get(hello.id)

    def update_lists(self) -> None:
        """Compute all lists, and send those that changed."""
        now = self._clock.mono()
        edges = self._fanout.edges
        self.popularity.forget_others(edges, {region_of(self._node_of(edge.hello)) for edge in edges.values()})
        lists = self.planner.plan(self.popularity, self._capacities(now), now)
        for name in self._lists.keys() - lists.keys():
            lists[name] = self._lists[name] if name in edges else ()
        changed = changed_edges(self._lists, lists)
        if not changed:
            return
        self._number += 1
        for name in changed:
            if name not in edges:
                self._documents.pop(name, None)
                lists.pop(name, None)
                continue
            content = json.dumps(hot_document(lists[name]), separators=(",", ":")).encode()
            self._documents[name] = Document(Version(self._epoch, self._number), content)
        self._lists = lists
        self._fanout.wake(changed)

    def _capacities(self, now: float) -> list[EdgeCapacity]:
        """The edges that take viewers. Only their own replica of control sees the reports that say so."""
        return [
            EdgeCapacity(name, region_of(node), weight_of(node.capacity))
            for name, edge in self._fanout.edges.items()
            for node in (self._node_of(edge.hello),)
            if edge.connected
            and edge.hello.role == "edge"
            and (name not in self._fanout.connected_here or _takes_viewers(edge, now))
        ]

    async def run(self) -> None:
        """Call `update_lists` every other second, for ever."""
        while True:
            await sleep(self._clock, PLAN_EVERY)
            self.update_lists()


def _takes_viewers(edge: Edge, now: float) -> bool:
    report = edge.report
    return report is not None and report.ready and not report.draining and now - edge.reported_at <= SILENT_AFTER


def region_of(node: Node | Hello) -> str:
    """The region that an edge counts for: the first that it serves."""
    return node.region.partition(",")[0]
