"""Popularity in, hot lists out: reports are merged as they come, and every other second the lists are made anew."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable

from control.desired.documents import Document
from control.fleet.fanout import Edge, Fanout
from control.fleet.nodes import UNSAID, Node, as_known
from control.popularity.aggregate import Popularity
from control.popularity.planner import EdgeCapacity, HotTitlePlanner, changed, weight_of
from kernel.clock import Clock
from kernel.fleet.hot_list import HotRow, hot_document
from kernel.fleet.messages import HOT, Hello, Report, Version
from system.clock import sleep

EVERY = 2.0
SILENT = 30.0
"""Seconds after which an edge that says nothing takes no titles."""


class HotTitlesService:
    """Over a fan-out: hears its reports and is the source of its hot documents. `run` is one task."""

    def __init__(self, fanout: Fanout, clock: Clock, node_of: Callable[[Hello], Node] | None = None) -> None:
        self.popularity = Popularity()
        self.hot = HotTitlePlanner()
        self._node_of = node_of or (lambda hello: as_known(hello, {}, {}))
        self.knows: Callable[[str], bool] = lambda _: True
        """Whether there is such a title."""
        self._fanout = fanout
        self._clock = clock
        self._epoch = f"hot-{secrets.token_hex(8)}"  # lists are made anew when control starts
        self._number = 0
        self._lists: dict[str, tuple[HotRow, ...]] = {}
        self._documents: dict[str, Document] = {}
        fanout.on_report.append(self.note)
        fanout.sources[HOT] = self.document

    def note(self, edge: Edge, report: Report) -> None:
        """An edge tells what is taken there. Shields see what edges have not: that says nothing of viewers.

        It counts where the fleet has the node, of titles that there are, up to what the node can have sent.
        """
        if edge.hello.role == "edge":
            node = self._node_of(edge.hello)
            rows = [row for row in report.popular if self.knows(row.content_id)]
            bytes_a_second = (node.capacity or UNSAID) / 8
            self.popularity.report(edge.hello.id, region_of(node), rows, self._clock.mono(), bytes_a_second)

    def document(self, hello: Hello) -> Document | None:
        """What an edge is to hold; None until it was on a list."""
        return self._documents.get(hello.id)

    def tick(self) -> None:
        """Make the lists anew; those that changed are sent."""
        now = self._clock.mono()
        edges = self._fanout.edges
        self.popularity.keep(edges, {region_of(self._node_of(edge.hello)) for edge in edges.values()})
        lists = self.hot.plan(self.popularity, self._places(now), now)
        for name in self._lists.keys() - lists.keys():
            lists[name] = self._lists[name] if name in self._fanout.edges else ()
        others = changed(self._lists, lists)
        if not others:
            return
        self._number += 1
        for name in others:
            if name not in self._fanout.edges:
                self._documents.pop(name, None)
                lists.pop(name, None)
                continue
            content = json.dumps(hot_document(lists[name]), separators=(",", ":")).encode()
            self._documents[name] = Document(Version(self._epoch, self._number), content)
        self._lists = lists
        self._fanout.wake(others)

    def _places(self, now: float) -> list[EdgeCapacity]:
        """The edges that take viewers, as far as they say so here; of others' edges other replicas of control judge."""
        return [
            EdgeCapacity(name, region_of(node), weight_of(node.capacity))
            for name, edge in self._fanout.edges.items()
            for node in (self._node_of(edge.hello),)
            if edge.connected and edge.hello.role == "edge" and (name not in self._fanout.here or _well(edge, now))
        ]

    async def run(self) -> None:
        """Tick for ever."""
        while True:
            await sleep(self._clock, EVERY)
            self.tick()


def _well(edge: Edge, now: float) -> bool:
    report = edge.report
    return report is not None and report.ready and not report.draining and now - edge.reported_at <= SILENT


def region_of(node: Node | Hello) -> str:
    """Where an edge counts: the first region that it serves."""
    return node.region.partition(",")[0]
