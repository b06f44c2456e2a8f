"""The stream from control: stay connected, apply updates, answer them, and store the last good state on disk.

`edge.fleet.apply` decides what an update changes; this shell receives, notifies the edge, stores and answers. The edge
serves whatever happens to control: it starts from the last good state, and keeps it while control is away.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import structlog

from edge.fleet.apply import Changed, Effect, FleetState, apply
from edge.fleet.control_link import (
    Connect,
    ControlAddresses,
    ControlCallbacks,
    ControlConnection,
    ControlSender,
    backoff_seconds,
)
from edge.fleet.state_file import DamagedState, StateFile, StateStore
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
from rpc.supervised import TaskSupervisor
from system.clock import sleep

START_TIMEOUT = 5.0
"""Seconds that a starting edge waits for control before it serves from its last good state."""

SAVE_RETRY_SECONDS = 10.0
ALL_TYPES = (*TYPES, *DOCUMENTS)
_NEEDED_TO_SERVE = frozenset((*TYPES, SETTINGS))
"""The types that control must have brought up to date before a starting edge may serve."""
LARGE_UPDATE = 1_000
"""Updates with more resources are evaluated in a thread, so that viewers are served meanwhile."""

log = structlog.get_logger("edge")


class Subscriber:
    """Keeps the edge's state in step with control. `run` is one task, cancelled when the edge stops.

    `hello` describes the edge (its `known` is filled in here). `on_state` is called with the last good state if there
    is one, and with each new state, in the event loop; it must not fail. `control` has the addresses of control's
    replicas; `connect` connects to one (default: gRPC). `store` holds the last good state (default: unsigned, in
    `fleet_dir`). `jitter` gives numbers in [0, 1). `sender` sends receipts and reports.
    """

    def __init__(
        self,
        hello: Hello,
        control: Sequence[str],
        fleet_dir: Path,
        clock: Clock,
        on_state: Callable[[FleetState], object],
        *,
        callbacks: ControlCallbacks | None = None,
        connect: Connect | None = None,
        store: StateStore | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._hello_base = hello
        self._store: StateStore = store or StateFile(fleet_dir)
        self._clock = clock
        self._on_state = on_state
        self._connect: Connect = connect or EdgeStream.connect
        self._jitter = jitter
        self._control = ControlAddresses(control, jitter())
        self._callbacks = callbacks or ControlCallbacks()
        self.sender = ControlSender(clock, lambda: self._link if self.is_connected else None, self._callbacks.report)
        self._refused: dict[str, Version] = {}
        self._unstored_updates: list[Update] = []  # not stored yet; few, since control waits for each answer
        self._synced_types: set[str] = set()
        self._applied_reported: dict[str, Applied] = {}
        self._link: ControlConnection | None = None
        self._state_changed = asyncio.Event()
        self._started = asyncio.Event()
        self._away_since = clock.mono()
        self.state = FleetState()
        self.supervised = TaskSupervisor(clock.mono, partial(sleep, self._clock))
        """Restarts the tasks that follow control: a fault in one message costs a connection, not the stream."""
        self.is_connected = False
        """Whether control's stream is connected and has sent what is new of every type."""
        self.last_error = ""
        """Why control is not connected, its last update was refused, or the state is not on disk; empty if all is well.
        """

    @property
    def is_degraded(self) -> bool:
        """Whether control has been away for `START_TIMEOUT` seconds or longer."""
        return not self.is_connected and self._clock.mono() - self._away_since >= START_TIMEOUT

    async def wait_until_started(self) -> None:
        """Wait until the edge may serve: control has sent what is new, or could not be reached for `START_TIMEOUT`."""
        await self._started.wait()

    async def run(self) -> None:
        """Load the last good state, then follow control until cancelled."""
        await self._load()
        timer = self._clock.call_later(START_TIMEOUT, self._start_without_control)
        try:
            async with asyncio.TaskGroup() as tasks:
                for name, work in (("follow", self._follow), ("store", self._store_states), ("send", self.sender.run)):
                    tasks.create_task(self.supervised.run_task(name, work))
        finally:
            timer.cancel()
            self.is_connected = False

    async def _load(self) -> None:
        try:
            state = await asyncio.to_thread(self._store.load)
        except (DamagedState, StorageFailed) as error:
            self._log_error("last-good-state-unusable", error)
            return
        if state is None:
            return
        try:
            self._callbacks.check_state(state)
        except BadSettings as error:
            self._log_error("last-good-settings-unusable", error)
            state = state.without_document(SETTINGS)
        self.state = state
        self._on_state(state)
        log.info("last-good-state-in-force", rules=state.rules.version, keys=state.keys.version)

    def _log_error(self, event: str, error: Exception) -> None:
        self.last_error = str(error)
        log.error(event, error=str(error))

    def _start_without_control(self) -> None:
        if not self._started.is_set():
            log.warning("serving-without-control", degraded=True, error=self.last_error)
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
                log.exception("control-message-failed")
                why = f"its message could not be handled: {type(error).__name__}"
            failures = 1 if self._synced_types else failures + 1
            self._on_disconnected(why)
            await sleep(self._clock, backoff_seconds(failures, self._jitter()))

    async def _one_connection(self) -> None:
        self._synced_types.clear()
        self._applied_reported.clear()
        link = await self._connect(self._control.next())
        try:
            await link.send(self._hello())
            self._link = link
            async for message in link:
                if isinstance(message, Update):
                    await self._receive_update(link, message)
                else:
                    self._callbacks.on_jobs(message)
        finally:
            self._link = None
            await link.close()

    def _hello(self) -> Hello:
        known = (Known(kind, self.state.version(kind), self._refused.get(kind, NOTHING)) for kind in ALL_TYPES)
        return replace(self._hello_base, known=tuple(known), mark=self._callbacks.checkpoint())

    def _on_disconnected(self, why: str) -> None:
        if self.is_connected or why != self.last_error:
            log.warning("control-disconnected", control=self._control.current, error=why)
        if self.is_connected:
            self.is_connected = False
            self._away_since = self._clock.mono()
        self.last_error = why

    async def _receive_update(self, link: ControlConnection, update: Update) -> None:
        """Put the update in force, then answer it: an ack must not precede the state that it acknowledges."""
        if len(update.resources) > LARGE_UPDATE:
            state, effects = await asyncio.to_thread(self._evaluate, update)
        else:
            state, effects = self._evaluate(update)
        if update.type == SETTINGS and state is not self.state:
            try:
                self._callbacks.check_state(state)
            except BadSettings as error:
                state, effects = self.state, (Nack(SETTINGS, update.version, update.nonce, str(error)),)
        answers = [effect for effect in effects if not isinstance(effect, Changed)]
        for answer in answers:
            self._remember_answer(answer)
        if state is not self.state:
            self._put_in_force(state, update)
        for answer in answers:
            await link.send(answer)
        if not any(isinstance(answer, Nack) and answer.resync for answer in answers):
            self._mark_synced(update.type)

    def _put_in_force(self, state: FleetState, update: Update) -> None:
        self.state = state
        self._on_state(state)
        self._unstored_updates.append(update)
        self._state_changed.set()
        log.info("update-in-force", type=update.type, version=update.version.number)

    def _evaluate(self, update: Update) -> tuple[FleetState, tuple[Effect, ...]]:
        """The state after the update, and the effects. An update that is not properly signed changes nothing."""
        try:
            self._store.verify(update)
        except NotSigned as error:
            return self.state, (Nack(update.type, update.version, update.nonce, str(error)),)
        state, effects = apply(self.state, update)
        if state is not self.state and not update.snapshot and self._store.wants_snapshot(update.type):
            why = "this edge stores too many deltas: send a snapshot"
            return self.state, (Nack(update.type, update.version, update.nonce, why, resync=True),)
        return state, effects

    def _remember_answer(self, answer: Ack | Nack) -> None:
        """A refused version is named at the next connection, so that control does not send it again."""
        if isinstance(answer, Ack):
            self._refused.pop(answer.type, None)
        elif not answer.resync:
            self._refused[answer.type] = answer.version
            self.last_error = f"{answer.type} version {answer.version.number} refused: {answer.error}"
            log.error("update-refused", type=answer.type, version=answer.version.number, error=answer.error)

    def _mark_synced(self, kind: str) -> None:
        self._synced_types.add(kind)
        if not self.is_connected and self._synced_types >= _NEEDED_TO_SERVE:
            self.is_connected = True
            if not self._refused:
                self.last_error = ""
            self._started.set()
            self._state_changed.set()  # sends `applied` for what was held before
            self.sender.on_connected()
            self._callbacks.on_connected()
            log.info("control-connected", control=self._control.current)

    # -- storing the last good state

    async def _store_states(self) -> None:
        """Store the newest state whenever it is not on disk, then send `applied` for what is new."""
        on_disk = self.state
        while True:
            await self._state_changed.wait()
            self._state_changed.clear()
            state, status = self.state, APPLIED
            updates, self._unstored_updates = self._unstored_updates, []
            if state is not on_disk:
                try:
                    await asyncio.to_thread(self._store.store, state, updates)
                    on_disk = state
                except StorageFailed as error:
                    status = f"in force, not on disk: {error}"
                    self._log_error("state-not-stored", error)
                    self._clock.call_later(SAVE_RETRY_SECONDS, self._state_changed.set)
            await self._callbacks.until_in_force()
            await self._send_applied(state, status)

    async def _send_applied(self, state: FleetState, status: str) -> None:
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
            return  # the reader of this link notices as well, and a new connection starts over
