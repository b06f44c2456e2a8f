"""A worker's side of the link to the owner of the cache: follows its index, rules and settings, and reports counts.

While there is no owner the worker goes on with the index and the rules it has, and tries to reach a new one. What
follows what is a table, `edge.node.link_state`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any, Protocol

import structlog

from cache.followed_index import FollowedIndex
from edge.node.count_deltas import CountReporter
from edge.node.frames import BadFrame, Frame, FrameReader, Kind, encode
from edge.node.link_state import CONNECTED, LOST, LinkState, next_state
from edge.prefetch.seen_objects import SeenObjects
from kernel.clock import Clock, Instant, Timer

RETRY_SECONDS = 0.05
"""Seconds between two attempts to reach the owner."""
COUNTS_EVERY_SECONDS = 0.5

logger = structlog.get_logger("edge")


class FollowingNode(Protocol):
    """What a worker does with what the owner says."""

    def use_state(self, state: dict[str, Any]) -> None:
        """Put rules, keys and settings in force. Raises ValueError or BadSettings."""

    def reload_parts(self, parts: Sequence[str]) -> dict[str, str]:
        """Reload these parts from their files; returns those that failed, and why."""

    def set_draining(self, on: bool) -> None:
        """Accept no further viewers, or accept them again."""


class Follower(asyncio.Protocol):
    """See the module. `slot`: of this worker. `seen`: what its viewers were sent."""

    def __init__(
        self,
        slot: int,
        pid: int,
        path: str,
        node: FollowingNode,
        index: FollowedIndex,
        counts: CountReporter,
        clock: Clock,
        seen: SeenObjects,
    ) -> None:
        self._slot, self._pid, self._path = slot, pid, path
        self._node, self._index, self._counts, self._clock = node, index, counts, clock
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None
        self._lost = asyncio.Event()
        self._counts_timer: Timer | None = None
        self._seen = seen
        self.state = LinkState.AWAY
        self.has_rules = asyncio.Event()
        """Whether the owner has ever said what is in force."""

    @property
    def is_connected(self) -> bool:
        """Whether the owner can be asked."""
        return self.state in (LinkState.SYNCING, LinkState.SYNCED)

    async def run(self) -> None:
        """Stay connected until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            with contextlib.suppress(OSError):
                await loop.create_unix_connection(lambda: self, self._path)
                await self._lost.wait()
                self._lost.clear()
            # After a lost link too: an owner whose state cannot be used here would send its index without a pause.
            await _pause(self._clock, RETRY_SECONDS)

    # -- asyncio.Protocol --------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = transport  # type: ignore[assignment]  # a stream's transport writes
        self._reader = FrameReader()
        self.state = next_state(self.state, CONNECTED)
        self._counts.repeat_gauges()
        self._send(Kind.HELLO, (self._slot, self._pid))
        self._send_counts_regularly()

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        try:
            for frame in self._reader.feed(data):
                self.state = next_state(self.state, frame.kind)
                self._on_frame(frame)
        except Exception as error:
            logger.exception("owner-link-broken", error=str(error))
            if self._transport is not None:
                self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio calls it so)
        """See asyncio.Protocol."""
        self._transport = None
        self.state = next_state(self.state, LOST)
        if self._counts_timer is not None:
            self._counts_timer.cancel()
        logger.warning("owner-lost", serving="hits and unstored misses")
        self._lost.set()

    # -- frames ------------------------------------------------------------------------------------------------

    def _on_frame(self, frame: Frame) -> None:
        match frame.kind:
            case Kind.STATE:
                self._node.use_state(frame.content)
                self.has_rules.set()
            case Kind.BEGIN_SNAPSHOT:
                self._index.begin_snapshot()
            case Kind.FILES:
                now = Instant(self._clock.wall(), self._clock.mono())
                for name, line in frame.content:
                    self._index.store(name, line, now)
            case Kind.END_SNAPSHOT:
                self._index.end_snapshot()
            case Kind.REMOVED:
                self._index.remove(frame.content)
            case Kind.FENCE:
                self._send(Kind.FENCED, frame.content)
            case Kind.RELOAD:
                number, parts = frame.content
                self._send(Kind.RELOADED, (number, self._node.reload_parts(parts)))
            case Kind.ASK_COUNTS:
                self._send_counts(frame.content)
            case Kind.DRAIN:
                self._node.set_draining(frame.content)
            case _:
                raise BadFrame(f"the owner sent {frame.kind.name}")

    def _send(self, kind: Kind, content: object) -> None:
        if self._transport is not None:
            self._transport.write(encode(kind, content))

    def _send_counts(self, number: int) -> None:
        deltas = self._counts.deltas()
        if number or deltas:
            self._send(Kind.COUNTS, (number, deltas))
        if seen := self._seen.drain():
            self._send(Kind.SEEN, seen)

    def _send_counts_regularly(self) -> None:
        self._counts_timer = self._clock.call_later(COUNTS_EVERY_SECONDS, self._send_counts_regularly)
        self._send_counts(0)


async def _pause(clock: Clock, seconds: float) -> None:
    """Wait by the clock of the program."""
    done = asyncio.Event()
    clock.call_later(seconds, done.set)
    await done.wait()
