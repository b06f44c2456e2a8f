"""The stream from control: stay connected, take what comes, answer, keep the last good state on disk.

What an update does is decided in `edge.fleet.apply`; this shell receives, tells the edge, writes and answers. The
edge serves whatever control does: it begins with the last good state, and goes on with it while control is away.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import structlog

from edge.fleet.apply import Changed, Effect, State, apply
from edge.fleet.control_link import Addresses, Connect, ControlCallbacks, ControlConnection, ControlSender, backoff
from edge.fleet.state_file import Damaged, Keeper, StateFile
from kernel.clock import Clock
from kernel.errors import BadSettings, StorageFailed, UpstreamFailed
from kernel.fleet.messages import (
    APPLIED,
    DOCUMENTS,
    NOTHING,
    SETTINGS,
    TYPES,
    Ack,
    Applied,
    Hello,
    Known,
    Nack,
    Update,
    Version,
)
from kernel.fleet.signed import NotSigned
from rpc.edge_stream import EdgeStream
from rpc.supervised import Supervised
from system.clock import sleep

START_WITHIN = 5.0
"""Seconds that a starting edge waits for control before it serves from its last good state."""

SAVE_AGAIN_AFTER = 10.0
ALL_TYPES = (*TYPES, *DOCUMENTS)
_BEFORE_SERVING = frozenset((*TYPES, SETTINGS))
"""What control must have said what is new of, before an edge that starts may serve."""
BIG = 1_000
"""An update of more resources is worked out in a thread: viewers are served meanwhile."""

log = structlog.get_logger("edge")


class Subscriber:
    """Keeps the edge's state as control wants it. `run` is one task, cancelled when the edge stops.

    `me` says who the edge is (its `known` is filled in here). `on_state` is called with the last good state when there
    is one, and with every new state, in the event loop; it must not fail. `ears` are for the rest. `control` has the
    addresses of control's replicas; `connect` makes a connection to one (default: gRPC). `keeper` has the last good
    state (default: unsigned, in `fleet_dir`). `jitter` gives numbers in [0, 1). `speaker.tell` takes receipts.
    """

    def __init__(
        self,
        me: Hello,
        control: Sequence[str],
        fleet_dir: Path,
        clock: Clock,
        on_state: Callable[[State], object],
        *,
        ears: ControlCallbacks | None = None,
        connect: Connect | None = None,
        keeper: Keeper | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._me = me
        self._file: Keeper = keeper or StateFile(fleet_dir)
        self._clock = clock
        self._on_state = on_state
        self._connect: Connect = connect or EdgeStream.connect
        self._jitter = jitter
        self._control = Addresses(control, jitter())
        self._ears = ears or ControlCallbacks()
        self.speaker = ControlSender(clock, lambda: self._link if self.connected else None, self._ears.report)
        self._refused: dict[str, Version] = {}
        self._taken: list[Update] = []  # since the state was last kept: few, for control waits for every answer
        self._synced_types: set[str] = set()
        self._applied_reported: dict[str, Applied] = {}
        self._link: ControlConnection | None = None
        self._unsaved = asyncio.Event()
        self._started = asyncio.Event()
        self._alone_since = clock.mono()
        self.state = State()
        self.supervised = Supervised(clock.mono, partial(sleep, self._clock))
        """Runs what follows control: a mistake in one message costs a connection, not the following."""
        self.connected = False
        """Whether control's stream stands and has said, for every type, what is new."""
        self.last_error = ""
        """Why control is not connected, its last update was refused, or the state is not on disk; empty: all well."""

    @property
    def degraded(self) -> bool:
        """Whether the edge goes on without control: none for `START_WITHIN` seconds and more."""
        return not self.connected and self._clock.mono() - self._alone_since >= START_WITHIN

    async def started(self) -> None:
        """Wait until the edge may serve: control has said what is new, or could not be reached for `START_WITHIN`."""
        await self._started.wait()

    async def run(self) -> None:
        """Load the last good state, then follow control for ever."""
        await self._load()
        patience = self._clock.call_later(START_WITHIN, self._start_alone)
        try:
            async with asyncio.TaskGroup() as tasks:
                for name, work in (("follow", self._follow), ("keep", self._persist_loop), ("speak", self.speaker.run)):
                    tasks.create_task(self.supervised.keep(name, work))
        finally:
            patience.cancel()
            self.connected = False

    async def _load(self) -> None:
        try:
            state = await asyncio.to_thread(self._file.load)
        except (Damaged, StorageFailed) as error:
            self._log_error("the last good state cannot be used", error)
            return
        if state is None:
            return
        try:
            self._ears.accepts(state)
        except BadSettings as error:
            self._log_error("the settings of the last good state cannot be followed any more", error)
            state = state.without(SETTINGS)
        self.state = state
        self._on_state(state)
        log.info("the last good state is in force", rules=state.rules.version, keys=state.keys.version)

    def _log_error(self, what: str, error: Exception) -> None:
        self.last_error = str(error)
        log.error(what, error=str(error))

    def _start_alone(self) -> None:
        if not self._started.is_set():
            log.warning("control is away: serving from the last good state", degraded=True, error=self.last_error)
            self._started.set()

    # -- following control

    async def _follow(self) -> None:
        failures = 0
        while True:
            try:
                await self._one_connection()
                why = "control closed the stream"
            except UpstreamFailed as error:
                why = str(error)
            except Exception as error:
                self.supervised.failures["follow"] += 1
                log.exception("bug: what control said was not taken")
                why = f"what it said could not be taken: {type(error).__name__}"
            failures = 1 if self._synced_types else failures + 1
            self._lost(why)
            await sleep(self._clock, backoff(failures, self._jitter()))

    async def _one_connection(self) -> None:
        self._synced_types.clear()
        self._applied_reported.clear()
        link = await self._connect(self._control.next())
        try:
            await link.send(self._hello())
            self._link = link
            async for said in link:
                if isinstance(said, Update):
                    await self._take(link, said)
                else:
                    self._ears.on_jobs(said)
        finally:
            self._link = None
            await link.close()

    def _hello(self) -> Hello:
        known = (Known(kind, self.state.version(kind), self._refused.get(kind, NOTHING)) for kind in ALL_TYPES)
        return replace(self._me, known=tuple(known), mark=self._ears.mark())

    def _lost(self, why: str) -> None:
        if self.connected or why != self.last_error:
            log.warning("control is not connected", control=self._control.latest, error=why)
        if self.connected:
            self.connected = False
            self._alone_since = self._clock.mono()
        self.last_error = why

    async def _take(self, link: ControlConnection, update: Update) -> None:
        if len(update.resources) > BIG:
            state, effects = await asyncio.to_thread(self._evaluate, update)
        else:
            state, effects = self._evaluate(update)
        if update.type == SETTINGS and state is not self.state:
            try:
                self._ears.accepts(state)
            except BadSettings as error:
                state, effects = self.state, (Nack(SETTINGS, update.version, update.nonce, str(error)),)
        for effect in effects:
            match effect:
                case Changed():
                    pass  # told below, whether or not the answer reaches control
                case Nack():
                    self._note_refusal(effect)
                case Ack():
                    self._refused.pop(effect.type, None)
        if state is not self.state:
            self.state = state
            self._on_state(state)
            self._taken.append(update)
            self._unsaved.set()
            log.info("a new version is in force", type=update.type, version=update.version.number)
        for effect in effects:
            if not isinstance(effect, Changed):
                await link.send(effect)
        self._note_greeting(update.type, effects)

    def _evaluate(self, update: Update) -> tuple[State, tuple[Effect, ...]]:
        """What becomes of the state; an update that the fleet's authority has not signed changes nothing."""
        try:
            self._file.check(update)
        except NotSigned as error:
            return self.state, (Nack(update.type, update.version, update.nonce, str(error)),)
        state, effects = apply(self.state, update)
        if state is not self.state and not update.snapshot and self._file.is_full(update.type):
            why = "a snapshot is wanted in place of the many deltas that are kept"
            return self.state, (Nack(update.type, update.version, update.nonce, why, resync=True),)
        return state, effects

    def _note_refusal(self, nack: Nack) -> None:
        if not nack.resync:
            self._refused[nack.type] = nack.version
            self.last_error = f"{nack.type} version {nack.version.number} refused: {nack.error}"
            log.error("an update was refused", type=nack.type, version=nack.version.number, error=nack.error)

    def _note_greeting(self, kind: str, effects: tuple[object, ...]) -> None:
        if any(isinstance(effect, Nack) and effect.resync for effect in effects):
            return
        self._synced_types.add(kind)
        if not self.connected and self._synced_types >= _BEFORE_SERVING:
            self.connected = True
            if not self._refused:
                self.last_error = ""
            self._started.set()
            self._unsaved.set()  # says `applied` for what was held before
            self.speaker.connected()
            self._ears.on_connected()
            log.info("control is connected", control=self._control.latest)

    # -- keeping the last good state

    async def _persist_loop(self) -> None:
        """Write the newest state whenever it is not on disk, then say of what is new that it is applied."""
        on_disk = self.state
        while True:
            await self._unsaved.wait()
            self._unsaved.clear()
            state, status = self.state, APPLIED
            updates, self._taken = self._taken, []
            if state is not on_disk:
                try:
                    await asyncio.to_thread(self._file.keep, state, updates)
                    on_disk = state
                except StorageFailed as error:
                    status = f"in force, not on disk: {error}"
                    self._log_error("the state is in force but not on disk", error)
                    self._clock.call_later(SAVE_AGAIN_AFTER, self._unsaved.set)
            await self._say_applied(state, status)

    async def _say_applied(self, state: State, status: str) -> None:
        link = self._link
        if link is None:
            return
        try:
            for kind, version in state.versions.items():
                applied = Applied(kind, version, status)
                if self._applied_reported.get(kind) != applied:
                    await link.send(applied)
                    if self._link is link:
                        self._applied_reported[kind] = applied
        except UpstreamFailed:
            return  # the reader of this link notices too, and a new connection reports anew
