"""The fan-out: sends each connected edge what it lacks, at once and whenever the desired state changes.

A connection is a `Stream`: gRPC in `control.server`, in memory in tests. There is no queue: the next update is chosen
when it can be sent (`control.desired.diff`).

Over 300 lines because it follows a connection from hello to end, with its updates and answers.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from dataclasses import replace
from typing import Any, Protocol

import structlog

from control.desired.diff import Track, is_ahead, memoise_updates, next_update, with_answer, with_sent
from control.desired.documents import Source, next_document, no_document
from control.desired.resources import Desired
from control.fleet.quarantine import quarantined
from control.fleet.session import ALL_TYPES, ANSWER_SECONDS, ConnectionRejected, Edge, Session, check_hello
from kernel.clock import Clock
from kernel.errors import Overloaded, StorageFailed
from kernel.fleet.messages import (
    DOCUMENTS,
    NOTHING,
    SETTINGS,
    TYPES,
    Ack,
    Applied,
    FromControl,
    FromEdge,
    Hello,
    Jobs,
    Known,
    Nack,
    Receipt,
    Report,
    Update,
    Version,
)

__all__ = ["MAX_EDGES", "ConnectionRejected", "Edge", "Fanout", "Stream", "check_hello"]

MAX_EDGES = 10_000
MAX_ERROR_LENGTH = 300
MESSAGE_KINDS = ("hello", "ack", "nack", "applied", "report", "receipt", "unknown")
IGNORED_CLAIM = "says"
REFUSED_MESSAGE = "messages"
"""Keys of an edge's `errors`: claims that were ignored, and its last malformed message."""
log = structlog.get_logger("control")


_LOGGED_TYPES = (*TYPES, SETTINGS)
"""The types whose versions number control's own log."""


def _claim_sentence(kind: str, version: Version, number: int) -> str:
    return f"it claims version {version.number} of {kind}, control's own log ends at {number}"


class Stream(Protocol):
    """Control's end of one connection."""

    async def send(self, message: FromControl, /) -> None:
        """Send a message; waits while the edge does not read."""

    def __aiter__(self) -> AsyncIterator[FromEdge]:
        """The edge's messages, until it disconnects."""


def _unsigned(update: Update, _edge: str) -> Update:
    """Without mTLS updates are not signed."""
    return update


async def _no_replicas() -> None:
    """Nothing to refresh: there is no other replica."""


class Fanout:
    """The connected edges. `desired`: returns the current state; `quarantine` (id, why): quarantines a node.

    `sources`: the document of each type that an edge must have; call `wake` when it changed. `on_report`, `on_receipt`
    and `on_answer` (an Ack or Nack of the update in flight, or an Applied) are called in the event loop; a hook that
    fails is logged and counted. `next_jobs`: the jobs to send to an edge, which then count as sent; None for none.
    """

    def __init__(
        self,
        desired: Callable[[], Desired],
        quarantine: Callable[[str, str], Awaitable[object]],
        clock: Clock,
        refresh: Callable[[], Awaitable[object]] = _no_replicas,
    ) -> None:
        self._desired = desired
        self._quarantine = quarantine
        self._refresh = refresh
        self._clock = clock
        self.sign: Callable[[Update, str], Update] = _unsigned
        """Signs an update: (update, the edge it is for, "" for all)."""
        self._next = memoise_updates(self._next_for_all)
        self._sessions: dict[str, Session] = {}
        self.sources: dict[str, Source] = dict.fromkeys(DOCUMENTS, no_document)
        self.on_report: list[Callable[[Edge, Report], object]] = []
        self.on_receipt: list[Callable[[Edge, Receipt], object]] = []
        self.on_answer: list[Callable[[Edge, Ack | Nack | Applied], object]] = []
        self.next_jobs: Callable[[Edge], Jobs | None] = lambda _: None
        self.edges: dict[str, Edge] = {}
        self.changed: set[str] = set()
        """Ids of edges whose rows must be stored."""
        self.updates_sent = 0
        self.refusals = 0
        self.refused_messages: Counter[str] = Counter()
        """Malformed messages of nodes, by kind."""
        self.failed_hooks = 0

    def record_refused_message(self, name: str, kind: str, error: Exception) -> None:
        """Record that a malformed message of a node was dropped."""
        self.refused_messages[kind] += 1
        edge = self.edges.get(name)
        sentence = f"{kind}: {error}"[:MAX_ERROR_LENGTH]
        if edge is None or edge.errors.get(REFUSED_MESSAGE) != sentence:  # log it once, not with every report
            log.warning("node-message-refused", edge=name, kind=kind, why=str(error))
        if edge is not None:
            edge.errors[REFUSED_MESSAGE] = sentence
            self.changed.add(name)

    def record_ignored_claim(self, name: str, strange: str) -> None:
        """Record the claims of a node's hello that do not count; "" if all count."""
        edge = self.edges.get(name)
        if strange and edge is not None:
            log.warning("hello-claim-ignored", edge=name, why=strange)
            edge.errors[IGNORED_CLAIM] = strange[:MAX_ERROR_LENGTH]

    def wake(self, edges: Iterable[str] | None = None) -> None:
        """Send these edges (None: all) what they lack: the desired state, a document or the job log has changed."""
        names = self._sessions if edges is None else self._sessions.keys() & set(edges)
        for name in names:
            self._sessions[name].wake.set()

    def hang_up(self, edge: str, why: str) -> None:
        """Close an edge's connection, if there is one; it may reconnect."""
        session = self._sessions.get(edge)
        if session is not None:
            session.end(why)

    def stop(self) -> None:
        """Close all connections."""
        for session in self._sessions.values():
            session.end("control is stopping")

    async def serve(self, stream: Stream) -> None:
        """Serve one connection until the edge disconnects. Raises ConnectionRejected when control must close it."""
        messages = aiter(stream)
        try:
            async with asyncio.timeout(10):
                hello = await anext(messages)
        except (StopAsyncIteration, TimeoutError):
            raise ConnectionRejected("an edge must say hello first") from None
        check_hello(hello)
        assert isinstance(hello, Hello)  # noqa: S101 (check_hello has checked it; for the types)
        await self._check_quarantine(hello)
        session = self._join(hello)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._send_updates(session, stream))
                tasks.create_task(self._read_messages(session, messages))
        except ExceptionGroup as group:
            first = group.exceptions[0]
            raise (first if len(group.exceptions) == 1 else group) from None
        finally:
            self._leave(session)

    async def _check_quarantine(self, hello: Hello) -> None:
        """Raises ConnectionRejected for an edge in quarantine, and for one that its claims put there."""
        why = quarantined(self._desired(), hello.id)
        if not why and (claim := self._excess_claim(hello)):
            why = await self._confirm_claim(hello.id, lambda: self._excess_claim(hello), claim)
        if why:
            self._remember_quarantined(hello)
            raise ConnectionRejected(f"control holds this node in quarantine: {why}")

    def _excess_claim(self, hello: Hello) -> str:
        """The version that an edge claims beyond control's log, as a sentence; "" if there is none."""
        for known in hello.known:
            for version in (known.version, known.refused):
                if known.type in _LOGGED_TYPES and is_ahead(self._desired(), known.type, version):
                    return _claim_sentence(known.type, version, self._desired().version(known.type).number)
        return ""

    async def _confirm_claim(self, name: str, look: Callable[[], str], claim: str) -> str:
        """Quarantine an edge that is ahead even after a refresh, and return why; "" if this replica was behind."""
        try:
            await self._refresh()
            claim = look()
            if claim:
                await self.quarantine(name, claim)
        except (StorageFailed, Overloaded) as error:
            raise ConnectionRejected(f"this edge claims to be ahead of control, which cannot check: {error}") from None
        return claim

    async def quarantine(self, name: str, why: str) -> None:
        """Put a node in quarantine and close its connection. Raises StorageFailed, Overloaded."""
        await self._quarantine(name, why)
        self.hang_up(name, f"control holds this node in quarantine: {why}")

    def _remember_quarantined(self, hello: Hello) -> None:
        """Show a node in quarantine, without any of its claims."""
        edge = self.edges.get(hello.id)
        if edge is None and len(self.edges) < MAX_EDGES:
            said = replace(hello, known=(), mark=NOTHING, address="", admin="", capacity=0)
            edge = self.edges[hello.id] = Edge(said, self._clock.wall())
        if edge is not None:
            edge.last_seen = self._clock.wall()
            self.changed.add(hello.id)
        self.hang_up(hello.id, "control holds this node in quarantine")

    @property
    def connected_here(self) -> Collection[str]:
        """Ids of the edges connected to this replica of control."""
        return self._sessions.keys()

    def merge_edges(self, edges: Iterable[Edge]) -> None:
        """Add edges that other replicas have seen, unless they are connected here."""
        self.edges |= {edge.hello.id: edge for edge in edges if edge.hello.id not in self._sessions}

    def _join(self, hello: Hello) -> Session:
        if len(self.edges) >= MAX_EDGES and hello.id not in self.edges:
            raise ConnectionRejected(f"control knows {MAX_EDGES} edges already")
        before = self._sessions.get(hello.id)
        if before is not None:
            before.end("another edge has connected with this id")
            log.warning("edge-replaced-connection", edge=hello.id)
        old = self.edges.get(hello.id)
        edge = Edge(hello, self._clock.wall(), connected=True, applied=dict(old.applied) if old else {})
        edge.since = self._clock.mono()
        known = {held.type: held for held in hello.known}
        edge.acked = {kind: known[kind].version.number for kind in ALL_TYPES if kind in known}
        edge.refused = {kind: known[kind].refused for kind in ALL_TYPES if kind in known}
        self.edges[hello.id] = edge
        self.changed.add(hello.id)
        session = Session(edge, {kind: Track.from_hello(known.get(kind, Known(kind))) for kind in ALL_TYPES})
        self._sessions[hello.id] = session
        log.info("edge-connected", edge=hello.id, role=hello.role, region=hello.region, holds=edge.acked)
        return session

    def _leave(self, session: Session) -> None:
        name = session.edge.hello.id
        session.edge.connected = False
        if self._sessions.get(name) is session:
            del self._sessions[name]
            self.changed.add(name)
            log.info("edge-disconnected", edge=name)

    async def _send_updates(self, session: Session, stream: Stream) -> None:
        while not session.ended:
            session.wake.clear()
            try:
                for kind in ALL_TYPES:
                    await self._send_next(session, kind, stream)
                while (jobs := self.next_jobs(session.edge)) is not None:
                    await self._send(jobs, stream)
            except TimeoutError:
                raise ConnectionRejected(f"nothing was read within {ANSWER_SECONDS:g} s") from None
            await self._wait_for_work(session)
        raise ConnectionRejected(session.ended)

    async def _wait_for_work(self, session: Session) -> None:
        """Wait until there may be something to send. Raises ConnectionRejected when an answer is overdue."""
        due = session.answer_due()
        if due is None:
            await session.wake.wait()
            return
        timer = self._clock.call_later(max(0.0, due - self._clock.mono()), session.wake.set)
        try:
            await session.wake.wait()
        finally:
            timer.cancel()
        still = session.answer_due()
        if still is not None and still <= self._clock.mono():
            raise ConnectionRejected(f"no answer within {ANSWER_SECONDS:g} s")

    async def _send_next(self, session: Session, kind: str, stream: Stream) -> None:
        track = session.tracks[kind]
        if kind in TYPES:
            update = self._next(self._desired(), track, session.nonce())
        else:
            update = next_document(self.sources[kind](session.edge.hello), track, session.nonce())
            update = update and self.sign(update, session.edge.hello.id)
        if update is not None:
            session.tracks[kind] = with_sent(track, update)
            session.sent_at[kind] = self._clock.mono()
            self.updates_sent += 1
            await self._send(update, stream)

    def _next_for_all(self, desired: Desired, track: Track, nonce: str) -> Update | None:
        """An update for all edges, signed here so that the signature is remembered with it."""
        update = next_update(desired, track, nonce)
        return update and self.sign(update, "")

    async def _send(self, message: FromControl, stream: Stream) -> None:
        async with asyncio.timeout(ANSWER_SECONDS):
            await stream.send(message)

    async def _read_messages(self, session: Session, messages: AsyncIterator[FromEdge]) -> None:
        async for message in messages:
            session.edge.last_seen = self._clock.wall()
            self.changed.add(session.edge.hello.id)
            match message:
                case Ack() | Nack():
                    self._record_answer(session, message)
                case Applied():
                    if not await self._applied_too_much(session.edge, message):
                        session.edge.record_applied(message)
                        self._run_hooks(self.on_answer, session.edge, message)
                case Report():
                    session.edge.report, session.edge.reported_at = message, self._clock.mono()
                    self._run_hooks(self.on_report, session.edge, message)
                case Receipt():
                    self._run_hooks(self.on_receipt, session.edge, message)
                case Hello():
                    raise ConnectionRejected("an edge must say hello only once")
        session.end("the edge has disconnected")

    async def _applied_too_much(self, edge: Edge, applied: Applied) -> bool:
        """Whether an edge claims to have applied a version beyond control's log; then it is put in quarantine."""

        def look() -> str:
            desired, version = self._desired(), applied.version
            ahead = version.epoch == desired.epoch and version.number > desired.revision
            return _claim_sentence(applied.resource, version, desired.revision) if ahead else ""

        if applied.resource.partition("/")[0] not in _LOGGED_TYPES or not (claim := look()):
            return False
        return bool(await self._confirm_claim(edge.hello.id, look, claim))

    def _record_answer(self, session: Session, answer: Ack | Nack) -> None:
        track = session.tracks.get(answer.type)
        if track is None:
            raise ConnectionRejected("an answer to an update that was never sent")
        if track.in_flight is None or track.in_flight.nonce != answer.nonce:
            return
        session.tracks[answer.type] = track = with_answer(track, answer)
        session.edge.acked[answer.type] = track.held.number
        session.edge.refused[answer.type] = track.refused
        if isinstance(answer, Nack) and not answer.resync:
            self.refusals += 1
            session.edge.errors[answer.type] = answer.error
            log.error(
                "edge-rejected-version",
                edge=session.edge.hello.id,
                type=answer.type,
                version=answer.version.number,
                error=answer.error,
            )
        elif isinstance(answer, Ack):
            session.edge.errors.pop(answer.type, None)
        self._run_hooks(self.on_answer, session.edge, answer)
        session.wake.set()

    def _run_hooks(self, hooks: list[Callable[[Edge, Any], object]], edge: Edge, message: FromEdge) -> None:
        for hook in hooks:
            try:
                hook(edge, message)
            except Exception:
                self.failed_hooks += 1
                log.exception("message-hook-failed", edge=edge.hello.id, kind=type(message).__name__)
