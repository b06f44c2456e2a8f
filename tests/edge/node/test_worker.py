"""A worker's part: it puts in force what the owner says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from edge.counters import Counts
from edge.fleet.apply import FleetState
from edge.node.processes.place import NodePlace
from edge.node.worker import NodeWorker
from edge.prefetch.seen_objects import SeenObjects
from edge.serve.connection_limits import ConnectionCounts
from kernel.errors import BadSettings


class Edge:
    """Records what is put in force."""

    def __init__(self) -> None:
        self.cache, self.seen = SimpleNamespace(tiers=None), SeenObjects()
        self.clock = self.tasks = None
        self.counts = Counts()
        self.handler = SimpleNamespace(relay=None)
        self.connection_limits = SimpleNamespace(counts=ConnectionCounts())
        self.live = SimpleNamespace(prepare=self.prepare)
        self.reloader = SimpleNamespace(reload=lambda *parts: None, failed={"keys": "gone", "log": "full"})
        self.prepared: list[FleetState] = []
        self.applied: list[FleetState] = []

    def prepare(self, state: FleetState) -> None:
        self.prepared.append(state)

    def apply_state(self, state: FleetState) -> None:
        assert self.prepared[-1] is state
        self.applied.append(state)


def worker(edge: Edge) -> NodeWorker:
    made: Any = edge
    return NodeWorker(NodePlace(1, 2, "/f", (), -1, "/b", 0), made)


SAID = {
    "draining": True,
    "rules": {"default": "deny", "titles": {"t1": {"allow": ["DE"]}}, "revoked_sessions": []},
    "rulesVersion": 7,
    "keys": [],
    "keysVersion": ["e", 2],
    "settings": {},
}


def test_rules_of_control_are_in_force_with_their_version() -> None:
    edge = Edge()
    made = worker(edge)
    made.use_state(SAID)
    (state,) = edge.applied
    assert (state.rules.version, set(state.rules.titles)) == (7, {"t1"})
    assert made.starts_draining


def test_settings_that_cannot_be_followed_are_an_error() -> None:
    with pytest.raises((BadSettings, ValueError)):
        worker(Edge()).use_state(SAID | {"settings": {"no_such_setting": 1}})


def test_a_reload_names_the_parts_that_failed() -> None:
    assert worker(Edge()).reload_parts(("rules", "keys")) == {"keys": "gone"}
