"""The part of an edge that is a worker of a node: follows the owner of the cache, and relays what it cannot serve."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Any, Protocol

from cache.cache import SegmentCache
from cache.followed_index import FollowedIndex
from edge.counters import Counts
from edge.fleet.apply import FleetState, key_set
from edge.fleet.live_settings import LiveSettings
from edge.node.count_deltas import CountReporter
from edge.node.follower import Follower
from edge.node.processes.place import NodePlace
from edge.node.relay import Relay
from edge.policy.rules import Rules
from edge.prefetch.seen_objects import SeenObjects
from edge.reload import Reloader
from edge.serve.connection_limits import ConnectionLimits
from edge.serve.handler import RequestHandler
from edge.tasks import TaskOwner
from kernel.clock import Clock
from kernel.fleet.messages import SETTINGS, Version
from kernel.settings.live_settings import check_settings


class FollowingEdge(Protocol):
    """The parts of an edge that follow the owner."""

    cache: SegmentCache
    clock: Clock
    counts: Counts
    tasks: TaskOwner
    handler: RequestHandler
    connection_limits: ConnectionLimits
    reloader: Reloader
    live: LiveSettings
    seen: SeenObjects

    def apply_state(self, state: FleetState) -> None:
        """Put what control said in force."""

    def drain(self) -> None:
        """Accept no further viewers."""

    async def undrain(self) -> None:
        """Accept viewers again."""


class NodeWorker:
    """See the module. Implements `edge.node.follower.FollowingNode`."""

    def __init__(self, place: NodePlace, edge: FollowingEdge) -> None:
        self._edge = edge
        reporter = CountReporter(edge.counts, edge.connection_limits.counts)
        index = FollowedIndex(edge.cache.tiers)
        self.follower = Follower(
            place.slot, os.getpid(), place.index_socket, self, index, reporter, edge.clock, edge.seen
        )
        edge.handler.relay = Relay(place.relay_socket, edge.tasks, lambda: self.follower.is_connected, edge.handler)
        self._is_serving = False
        self.starts_draining = False
        self._run: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Follow the owner; returns when what is in force is known."""
        self._run = self._edge.tasks.spawn(self.follower.run())
        await self.follower.has_rules.wait()
        self._is_serving = True

    def stop(self) -> None:
        """Follow no more."""
        if self._run is not None:
            self._run.cancel()

    def use_state(self, state: dict[str, Any]) -> None:
        """See FollowingNode."""
        if "rules" in state:
            edge = self._edge
            version = Version(*state["keysVersion"])
            jwks = {key["kid"]: key for key in state["keys"]}
            made = FleetState(
                rules=Rules.parse(state["rules"], version=state["rulesVersion"]),
                keys=key_set(jwks, version),
                jwks=jwks,
                documents={SETTINGS: check_settings(state["settings"])} if state["settings"] else {},
            )
            edge.live.prepare(made)
            edge.apply_state(made)
        if self._is_serving:
            self.set_draining(state["draining"])
        else:
            self.starts_draining = state["draining"]

    def reload_parts(self, parts: Sequence[str]) -> dict[str, str]:
        """See FollowingNode."""
        self._edge.reloader.reload(*parts)
        return {part: why for part, why in self._edge.reloader.failed.items() if part in parts}

    def set_draining(self, on: bool) -> None:
        """See FollowingNode."""
        if on:
            self._edge.drain()
        else:
            self._edge.tasks.spawn(self._edge.undrain())
