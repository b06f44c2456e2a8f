"""Every edge that is connected is sent what it lacks, now and whenever the desired state changes.

No wire here: a connection is a `Stream`, made by gRPC in `control.server` and in memory by tests. No queue either: what
an edge is sent next is decided when it can be sent (see `control.diff`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from control.desired import Desired
from control.diff import Track, answered, is_ahead, next_update, remembering, sent
from kernel.clock import Clock
from kernel.fleet import NODE_ID, TYPES, Ack, Applied, FromControl, FromEdge, Hello, Known, Nack, Receipt, Report
from kernel.settings import parse_address

MAX_EDGES = 10_000
ROLES = ("edge", "shield")
ANSWER_WITHIN = 60.0
"""Seconds an edge has to answer an update before it is hung up on."""

log = structlog.get_logger("control")


class Stream(Protocol):
    """Control's end of one connection."""

    async def send(self, message: FromControl, /) -> None:
        """Hand something to the edge; waits while the edge does not read."""

    def __aiter__(self) -> AsyncIterator[FromEdge]:
        """What the edge says, until it leaves."""


class Unwelcome(Exception):
    """The connection must end; the text is for the edge's operator."""


@dataclass(slots=True)
class Edge:
    """What control knows of an edge. `acked` and `applied` are version numbers by type, `errors` its last refusals."""

    hello: Hello
    last_seen: float
    connected: bool = False
    acked: dict[str, int] = field(default_factory=dict)
    applied: dict[str, int] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


class Fanout:
    """The connected edges. `desired` gives the state now, `renew_epoch` begins a new one (see `is_ahead`)."""

    def __init__(
        self, desired: Callable[[], Desired], renew_epoch: Callable[[], Awaitable[object]], clock: Clock
    ) -> None:
        self._desired = desired
        self._renew_epoch = renew_epoch
        self._clock = clock
        self._next = remembering(next_update)
        self._sessions: dict[str, _Session] = {}
        self.edges: dict[str, Edge] = {}
        self.changed: set[str] = set()
        """Ids of edges to be written down."""
        self.updates_sent = 0
        self.refusals = 0

    def wake(self) -> None:
        """The desired state has changed."""
        for session in self._sessions.values():
            session.wake.set()

    def stop(self) -> None:
        """Hang up on everybody."""
        for session in self._sessions.values():
            session.end("control is stopping")

    async def serve(self, stream: Stream) -> None:
        """Serve one connection until the edge leaves. Raises Unwelcome when the edge must be hung up on."""
        messages = aiter(stream)
        try:
            async with asyncio.timeout(10):
                hello = await anext(messages)
        except (StopAsyncIteration, TimeoutError):
            raise Unwelcome("an edge says hello first") from None
        check_hello(hello)
        assert isinstance(hello, Hello)  # noqa: S101 (check_hello has seen it; for the types)
        if any(is_ahead(self._desired(), known) for known in hello.known if known.type in TYPES):
            log.warning("an edge is ahead of control: control's history was lost, a new epoch begins", edge=hello.id)
            await self._renew_epoch()
        session = self._join(hello)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._talk(session, stream))
                tasks.create_task(self._listen(session, messages))
        except ExceptionGroup as group:
            first = group.exceptions[0]
            raise (first if len(group.exceptions) == 1 else group) from None
        finally:
            self._leave(session)

    def _join(self, hello: Hello) -> _Session:
        if len(self.edges) >= MAX_EDGES and hello.id not in self.edges:
            raise Unwelcome(f"control knows {MAX_EDGES} edges already")
        before = self._sessions.get(hello.id)
        if before is not None:
            before.end("another edge has connected with this id")
            log.warning("an edge connected again while it was connected", edge=hello.id)
        old = self.edges.get(hello.id)
        edge = Edge(hello, self._clock.wall(), connected=True, applied=dict(old.applied) if old else {})
        known = {held.type: held for held in hello.known}
        edge.acked = {kind: known[kind].version.number for kind in TYPES if kind in known}
        self.edges[hello.id] = edge
        self.changed.add(hello.id)
        session = _Session(edge, {kind: Track.of(known.get(kind, Known(kind))) for kind in TYPES})
        self._sessions[hello.id] = session
        log.info("edge connected", edge=hello.id, role=hello.role, region=hello.region, holds=edge.acked)
        return session

    def _leave(self, session: _Session) -> None:
        name = session.edge.hello.id
        session.edge.connected = False
        if self._sessions.get(name) is session:
            del self._sessions[name]
            self.changed.add(name)
            log.info("edge left", edge=name)

    async def _talk(self, session: _Session, stream: Stream) -> None:
        while not session.ended:
            session.wake.clear()
            try:
                for kind in TYPES:
                    await self._send_next(session, kind, stream)
                async with asyncio.timeout(ANSWER_WITHIN if session.waits else None):
                    await session.wake.wait()
            except TimeoutError:
                raise Unwelcome(f"no answer within {ANSWER_WITHIN:g} s") from None
        raise Unwelcome(session.ended)

    async def _send_next(self, session: _Session, kind: str, stream: Stream) -> None:
        track = session.tracks[kind]
        update = self._next(self._desired(), track, session.nonce())
        if update is not None:
            session.tracks[kind] = sent(track, update)
            self.updates_sent += 1
            async with asyncio.timeout(ANSWER_WITHIN):
                await stream.send(update)

    async def _listen(self, session: _Session, messages: AsyncIterator[FromEdge]) -> None:
        async for message in messages:
            session.edge.last_seen = self._clock.wall()
            self.changed.add(session.edge.hello.id)
            match message:
                case Ack() | Nack():
                    self._answered(session, message)
                case Applied():
                    _note_applied(session.edge, message)
                case Report() | Receipt():
                    pass
                case Hello():
                    raise Unwelcome("an edge says hello once")
        session.end("the edge has left")

    def _answered(self, session: _Session, answer: Ack | Nack) -> None:
        track = session.tracks.get(answer.type)
        if track is None:
            raise Unwelcome("an answer to something that was never sent")
        session.tracks[answer.type] = track = answered(track, answer)
        session.edge.acked[answer.type] = track.held.number
        if isinstance(answer, Nack) and not answer.resync:
            self.refusals += 1
            session.edge.errors[answer.type] = answer.error
            log.error(
                "an edge refuses a version",
                edge=session.edge.hello.id,
                type=answer.type,
                version=answer.version.number,
                error=answer.error,
            )
        elif isinstance(answer, Ack):
            session.edge.errors.pop(answer.type, None)
        session.wake.set()


class _Session:
    """One connection of one edge."""

    def __init__(self, edge: Edge, tracks: dict[str, Track]) -> None:
        self.edge = edge
        self.tracks = tracks
        self.wake = asyncio.Event()
        self.ended = ""
        self._count = 0

    @property
    def waits(self) -> bool:
        """Whether an answer of the edge is due."""
        return any(track.on_its_way is not None for track in self.tracks.values())

    def nonce(self) -> str:
        """A new one."""
        self._count += 1
        return str(self._count)

    def end(self, why: str) -> None:
        """Make the connection end soon."""
        self.ended = self.ended or why
        self.wake.set()


def check_hello(hello: FromEdge) -> None:
    """Raises Unwelcome naming what is wrong with an edge's first words."""
    if not isinstance(hello, Hello):
        raise Unwelcome("an edge says hello first")
    if not NODE_ID.fullmatch(hello.id):
        raise Unwelcome(f"{hello.id[:80]!r} cannot be an edge's id")
    if hello.role not in ROLES:
        raise Unwelcome(f"role {hello.role[:80]!r} is none of {', '.join(ROLES)}")
    for name, address in (("address", hello.address), ("admin", hello.admin)):
        try:
            if address:
                parse_address(address)
        except ValueError as error:
            raise Unwelcome(f"{name}: {error}") from None
    if len(hello.region) > 64 or not hello.region.isprintable():
        raise Unwelcome("the region must be at most 64 printable characters")


def _note_applied(edge: Edge, applied: Applied) -> None:
    kind = applied.resource
    if kind not in TYPES:
        return
    if applied.status == "applied":
        edge.applied[kind] = applied.version.number
        edge.errors.pop(f"{kind} on disk", None)
    else:
        edge.errors[f"{kind} on disk"] = applied.status
