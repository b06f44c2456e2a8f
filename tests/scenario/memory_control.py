"""Control in memory, for scenarios: the real decisions and the real fan-out, no gRPC and no disk.

`MemoryControl().connect` is what an edge's `Subscriber` takes in place of gRPC. Everything an edge is told has come
through `control.fleet.fanout` and goes through `edge.fleet.apply`; only the wire between them is two queues.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from typing import Any, Self

from control.audit.entry import Author
from control.desired import changes, key_set
from control.desired.documents import Document
from control.desired.resources import QUARANTINE, Change, Desired
from control.fleet.fanout import ConnectionRejected, Edge, Fanout
from control.popularity.service import HotTitlesService
from control.rollout.service import RolloutService
from kernel.clock import Clock
from kernel.errors import UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from kernel.fleet.messages import HOT, SETTINGS, FromEdge, Update, Version
from tests.doubles.clock import until
from tests.scenario.memory_jobs import MemoryJobs

WAITING_MOST = 100


class _Database:
    """What replicas of control have in common."""

    def __init__(self, epoch: str) -> None:
        self.desired = Desired(epoch)
        self.jobs = MemoryJobs(f"{epoch}-jobs")
        self.replicas: list[MemoryControl] = []

    def becomes(self, desired: Desired) -> None:
        self.desired = desired
        for replica in self.replicas:
            replica.fanout.wake()


class MemoryControl:
    """A control process that a test holds in its hand. Use `async with`; `goes_down` and `comes_back` at will.

    `beside`: another one, with which this one has its database in common; that one carries rollouts on.
    """

    def __init__(
        self, clock: Clock, *, default: str = "deny", epoch: str = "epoch-1", beside: MemoryControl | None = None
    ) -> None:
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._up = True
        self._leads = beside is None
        self._database = _Database(epoch) if beside is None else beside._database
        self._database.replicas.append(self)
        self.connections = 0
        self._documents: dict[tuple[str, str], Document] = {}
        self._documents_made = 0
        self._starts()
        if beside is None:
            self._change(changes.put_default(default))

    def _starts(self) -> None:
        seen = self.fanout.edges if hasattr(self, "fanout") else {}
        self.fanout = Fanout(lambda: self.desired, self._quarantine, self._clock)
        self.fanout.edges |= seen
        self.dispatch = self.jobs.joins(self.fanout, self._clock)
        self.settings = RolloutService(self, self.fanout, self._clock, leads=self._is_leading)
        self.fanout.sources[HOT] = lambda edge: self._documents.get((HOT, edge.id))
        self.fanout.sources[SETTINGS] = lambda edge: (
            self._documents.get((SETTINGS, edge.id)) or self.settings.document(edge)
        )

    async def _is_leading(self) -> bool:
        return self._leads

    @property
    def desired(self) -> Desired:
        """The fleet's desired state."""
        return self._database.desired

    @property
    def jobs(self) -> MemoryJobs:
        """The log of purges and prefetches."""
        return self._database.jobs

    async def commit(self, make: Callable[[Desired], Change], _author: Author) -> None:
        """As `control.db.store.Store.commit`, at once."""
        self._change(make(self.desired))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.goes_down()

    # -- verbs

    def publishes(self, content_id: str, **licence: Any) -> None:
        """Set a title's licence: `allow`, `deny`, `until` and `from_` as RULES.json has them."""
        form = {name.rstrip("_"): value for name, value in licence.items()}
        self._change(changes.put_titles(self.desired, {content_id: form}))

    def withdraws(self, content_id: str) -> None:
        """Forget a title."""
        self._change(changes.put_titles(self.desired, {}, [content_id]))

    def revokes(self, session: str, until: str | None = None) -> None:
        """Refuse a session's tokens."""
        self._change(changes.revoke(self.desired, session, until))

    def rotates_keys(self, jwks: Mapping[str, Any]) -> None:
        """Make this the set of public keys."""
        self._change(key_set.put_keys(self.desired, jwks))

    def purges(self, *keys: str, **named: Any) -> int:
        """Append a purge of these surrogate keys (`urls=`, `prefixes=`, `all=`, `soft=`) to the job log; its number."""
        return self.jobs.purges(self._clock, keys=keys, **named)

    async def purged(self, seq: int, *nodes: Any) -> None:
        """Wait for the receipts of these nodes for every purge up to this one."""
        await until(lambda: self.has_done(seq, *(node.name for node in nodes)), f"no receipts up to {seq}")

    async def hears(self, since: float) -> None:
        """Wait until each edge that is connected has reported after this moment of the clock."""
        edges = self.fanout.edges.values()
        await until(lambda: all(e.reported_at > since for e in edges if e.connected), "an edge reports nothing")

    def has_done(self, seq: int, *names: str) -> bool:
        """Whether these nodes have done every purge up to this one, as far as control knows."""
        known = self.fanout.edges
        return all(name in known and self.dispatch.has_purged(known[name], seq) for name in names)

    def prefetches(self, *urls: str) -> int:
        """Append a prefetch to the job log; its number."""
        return self.jobs.prefetches(self._clock, *urls)

    def says(self, kind: str, name: str, content: bytes) -> None:
        """Put a resource that control itself would have refused."""
        self._change(Change({(kind, name): content}))

    def pushes(self, edges: Iterable[str], kind: str = SETTINGS, /, **document: Any) -> None:
        """Make this the document of some edges, without asking how they fare; an empty one is taken away."""
        self._documents_made += 1
        content = json.dumps(document).encode() if document else b""
        # An epoch of their own: control's log has no number for what was never committed, and holds whoever claims one.
        made = Document(Version("documents-of-the-test", self._documents_made), content)
        for edge in edges:
            self._documents[kind, edge] = made
        self.fanout.wake(edges)

    def makes_hot_lists(self) -> HotTitlesService:
        """Hot lists are made of what edges report, whenever the test says `tick`."""
        return HotTitlesService(self.fanout, self._clock)

    async def goes_down(self) -> None:
        """Hang up on everybody, and be unreachable."""
        self._up = False
        self.jobs.leaves(self.dispatch)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def comes_back(self, *, forgot_everything: bool = False) -> None:
        """Be reachable again, as restarted; with the same database, or with one from before everything."""
        self._up = True
        if forgot_everything:
            self._database.becomes(Desired(self.desired.epoch))
            self._change(changes.put_default("deny"))
        self._starts()

    def settings_of(self, name: str) -> int:
        """The number of the settings that an edge is to have now."""
        edge = self.fanout.edges[name]
        found = self.fanout.sources[SETTINGS](edge.hello)
        return found.version.number if found else 0

    def edge(self, name: str) -> Edge | None:
        """What control knows of an edge."""
        return self.fanout.edges.get(name)

    async def connect(self, _address: str = "") -> MemoryLink:
        """One connection, from the edge's side."""
        if not self._up:
            raise UpstreamFailed(UpstreamReason.CONTROL_UNREACHABLE, retry=True, detail="control is down")
        self.connections += 1
        link = MemoryLink()
        self._runs(self._serve(link))
        return link

    def carries_rollouts_on(self) -> None:
        """Watch and move rollouts as time passes, until it goes down."""
        self._runs(self.settings.run())

    def _runs(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)  # this fake owns it, see goes_down
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, link: MemoryLink) -> None:
        try:
            await self.fanout.serve(_ControlEnd(link))
        except ConnectionRejected as error:
            link.why = str(error)
        finally:
            link.hang_up()

    async def _quarantine(self, name: str, why: str) -> None:
        content = json.dumps({"why": why}).encode()
        self._change(Change({(QUARANTINE, name): content}))

    def begins_a_new_epoch(self) -> None:
        """As an operator has it."""
        old = self.desired
        self._change(Change(removes=frozenset((QUARANTINE, name) for name in old.resource_set(QUARANTINE).resources)))
        self._database.becomes(Desired(old.epoch + "+", self.desired.revision, self.desired.resource_sets))

    def _change(self, change: Change) -> None:
        effective = self.desired.effective(change)
        if effective:
            self._database.becomes(self.desired.with_change(effective, self.desired.revision + 1))


class MemoryLink:
    """A connection: `edge.fleet.subscribe.Link` on one side, `control.fleet.fanout.Stream` on the other."""

    def __init__(self) -> None:
        self.to_edge: asyncio.Queue[Update | None] = asyncio.Queue(WAITING_MOST)
        self.to_control: asyncio.Queue[FromEdge | None] = asyncio.Queue(WAITING_MOST)
        self.why = "control hung up"
        self._over = False

    async def send(self, message: FromEdge) -> None:
        """From the edge."""
        if self._over:
            raise UpstreamFailed(UpstreamReason.CONTROL_LOST, retry=True, detail=self.why)
        await self.to_control.put(message)

    async def __aiter__(self) -> AsyncIterator[Update]:
        """To the edge."""
        while (update := await self.to_edge.get()) is not None:
            yield update
        raise UpstreamFailed(UpstreamReason.CONTROL_LOST, retry=True, detail=self.why)

    async def close(self) -> None:
        """The edge leaves."""
        self.hang_up()

    def hang_up(self) -> None:
        """Nothing passes any more."""
        if not self._over:
            self._over = True
            _push_end(self.to_control)
            _push_end(self.to_edge)


class _ControlEnd:
    def __init__(self, link: MemoryLink) -> None:
        self._link = link

    async def send(self, update: Update) -> None:
        await self._link.to_edge.put(update)

    async def __aiter__(self) -> AsyncIterator[FromEdge]:
        while (message := await self._link.to_control.get()) is not None:
            yield message


def _push_end(queue: asyncio.Queue[Any]) -> None:
    while queue.full():
        queue.get_nowait()
    queue.put_nowait(None)
