"""The supervisor of a node of several processes: it opens the sockets, starts the processes and starts them again.

It does nothing for a request. Slot 0 owns the cache (`edge.node.processes.place`); all of them accept from the same
sockets. A process that ends is started again within a second. SIGHUP and SIGUSR1 go to the owner, which tells the
workers and knows which part failed; SIGTERM goes to all. When the supervisor is gone, each child drains and ends by
itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from edge.node.processes.channel import Channel, Message
from edge.node.processes.child_state import ChildEvent, ChildState, failures_after, next_state, pause_before_restart
from edge.node.processes.place import OWNER, NodePlace
from edge.node.processes.takeover import RELEASE_SECONDS, Successor
from edge.tasks import TaskOwner

KILL_AFTER_SECONDS = 15.0
"""Seconds beyond the drain time after which a child that does not end is killed."""

logger = structlog.get_logger("edge")


@dataclass(slots=True)
class Child:
    """One process of the node."""

    slot: int
    state: ChildState = ChildState.STARTING
    process: asyncio.subprocess.Process | None = None
    channel: Channel | None = None
    started: float = 0.0
    failures: int = 0
    ready_line: str = ""
    was_ready: bool = False
    timer: asyncio.TimerHandle | None = None
    kill_requests: list[int] = field(default_factory=list)


class Supervisor:
    """See the module. `sockets`: those that viewers connect to. `drain`: seconds that running responses may take.
    `successor`: the link to a node before this one."""

    def __init__(
        self,
        workers: int,
        folder: Path,
        bodies: Path,
        sockets: Sequence[socket.socket],
        admin_port: int,
        drain: float,
        successor: Successor | None = None,
    ) -> None:
        self._workers = workers
        self._folder, self._bodies = folder, bodies
        self._sockets = list(sockets)
        self._admin_port = admin_port
        self._drain = drain
        self._children = [Child(slot) for slot in range(workers)]
        self._tasks = TaskOwner(self._on_unexpected_error, threads=1)
        self._all_ready = asyncio.Event()
        self._ended = asyncio.Event()
        self._stopping = False
        self._exit_code = 0
        self._successor = successor
        self._released = asyncio.Event()
        self.was_taken_over = False
        """Whether a successor has the sockets and the bodies."""

    # -- the life of the node ----------------------------------------------------------------------------------

    async def start(self) -> str | None:
        """Start all; returns the line that says where the node serves, or None if it could not start."""
        for child in self._children:
            await self._start(child)
        ready, ended = self._tasks.spawn(_wait(self._all_ready)), self._tasks.spawn(_wait(self._ended))
        await asyncio.wait((ready, ended), return_when=asyncio.FIRST_COMPLETED)
        return self._children[OWNER].ready_line if self._all_ready.is_set() else None

    async def wait_ended(self) -> int:
        """Wait until all have ended as they were told; returns the exit code."""
        await self._ended.wait()
        await self._tasks.stop(grace=0.0)
        return self._exit_code

    def stop(self) -> None:
        """Drain and end all."""
        self._stopping = True
        for sock in self._sockets:
            sock.close()
        self._sockets = []
        loop = asyncio.get_running_loop()
        for child in self._children:
            self._stop_child(child)
        loop.call_later(self._drain + KILL_AFTER_SECONDS, self._kill_all)
        self._check_ended()

    def _stop_child(self, child: Child) -> None:
        child.state = next_state(child.state, ChildEvent.TOLD_TO_STOP)
        if child.timer is not None:
            child.timer.cancel()
        _signal(child, signal.SIGTERM)

    def signal_owner(self, number: int) -> None:
        """Pass a signal on to the owner of the cache, or to the workers while there is none."""
        if not _signal(self._children[OWNER], number):
            for child in self._children[1:]:
                _signal(child, number)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """The listening sockets."""
        return tuple(sock.fileno() for sock in self._sockets)

    async def release(self) -> None:
        """Have the owner release what a successor of the node needs."""
        channel = self._children[OWNER].channel
        if channel is not None:
            channel.send(release=True)
            await asyncio.wait((self._tasks.spawn(_wait(self._released)),), timeout=RELEASE_SECONDS)

    async def _ask_predecessor(self, child: Child) -> None:
        """The owner waits for the node's predecessor."""
        if self._successor is not None:
            await self._successor.ask_release()
        if child.channel is not None:
            child.channel.send(released=True)

    def _kill_all(self) -> None:
        for child in self._children:
            _signal(child, signal.SIGKILL)

    # -- one child ---------------------------------------------------------------------------------------------

    async def _start(self, child: Child) -> None:
        if self._stopping:
            return
        ours, theirs = socket.socketpair()
        with theirs:
            place = NodePlace(
                slot=child.slot,
                workers=self._workers,
                folder=str(self._folder),
                sockets=tuple(sock.fileno() for sock in self._sockets),
                channel=theirs.fileno(),
                bodies_folder=str(self._bodies),
                admin_port=self._admin_port,
                survivors=self._survivors() if child.slot == OWNER else (),
                takes_over=child.slot == OWNER and self._successor is not None,
            )
            child.started = asyncio.get_running_loop().time()
            try:
                child.process = await asyncio.create_subprocess_exec(
                    sys.executable, *sys.orig_argv[1:], env=dict(os.environ) | place.environment(),
                    pass_fds=(*place.sockets, place.channel),
                )  # fmt: skip
            except OSError as error:
                ours.close()
                logger.error("worker-not-started", slot=child.slot, error=str(error))  # noqa: TRY400 (no trace is wanted)
                self._on_ended(child, -1)
                return
        if self._stopping:  # told to stop while it was being started: it had no process that the signal could reach
            _signal(child, signal.SIGTERM)
        child.channel = Channel(lambda message: self._on_message(child, message), lambda: None)
        await child.channel.open(ours)
        self._tasks.spawn(self._watch(child, child.process))

    def _survivors(self) -> tuple[int, ...]:
        alive = (ChildState.STARTING, ChildState.READY, ChildState.STOPPING)
        return tuple(c.slot for c in self._children[1:] if c.was_ready and c.state in alive)

    async def _watch(self, child: Child, process: asyncio.subprocess.Process) -> None:
        code = await process.wait()
        if child.channel is not None:
            child.channel.close()
        child.process = child.channel = None
        self._on_ended(child, code)

    def _on_ended(self, child: Child, code: int) -> None:
        loop = asyncio.get_running_loop()
        self._tell_killed(child)
        owner = self._children[OWNER].channel
        if owner is not None and child.slot != OWNER:
            owner.send(gone=child.slot)
        before, child.state = child.state, next_state(child.state, ChildEvent.ENDED)
        if before is ChildState.STARTING and not child.was_ready and not self._stopping and code > 0:
            # It never served: its settings or addresses cannot be used, and it has said why.
            self._exit_code = code
            child.state = ChildState.GONE
            self.stop()
        elif child.state is ChildState.WAITING and not self._stopping:
            child.failures = failures_after(child.failures, loop.time() - child.started)
            pause = pause_before_restart(child.failures)
            logger.warning("worker-ended", slot=child.slot, code=code, restart_in=pause)
            child.timer = loop.call_later(pause, self._start_again, child)
        self._check_ended()

    def _start_again(self, child: Child) -> None:
        child.timer = None
        child.state = next_state(child.state, ChildEvent.DUE)
        child.was_ready = True  # the node has served: a failure is no reason to end it
        self._tasks.spawn(self._start(child))

    def _on_message(self, child: Child, message: Message) -> None:
        if "ready" in message:
            child.state = next_state(child.state, ChildEvent.SAID_READY)
            child.ready_line, child.was_ready = message["ready"], True
            if all(one.was_ready for one in self._children):
                self._all_ready.set()
        elif "kill" in message:
            self._kill(self._children[message["kill"]], message["number"])
        elif "needs" in message:
            self._tasks.spawn(self._ask_predecessor(child))
        elif "released" in message:
            self._released.set()

    def _kill(self, child: Child, number: int) -> None:
        """The owner waits for this worker in vain: it must not serve what was purged."""
        child.kill_requests.append(number)
        if _signal(child, signal.SIGKILL):
            logger.error("worker-killed", slot=child.slot, why="it did not answer the owner of the cache")
        else:
            self._tell_killed(child)

    def _tell_killed(self, child: Child) -> None:
        numbers, child.kill_requests = child.kill_requests, []
        owner = self._children[OWNER].channel
        for number in numbers:
            if owner is not None:
                owner.send(killed=number)

    def _check_ended(self) -> None:
        if self._stopping and all(child.process is None for child in self._children):
            self._ended.set()

    def _on_unexpected_error(self, error: BaseException) -> None:
        logger.error("bug-task-failed", exc_info=error)


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


def _signal(child: Child, number: int) -> bool:
    """Whether the child is there to get the signal."""
    if child.process is None or child.process.returncode is not None:
        return False
    with contextlib.suppress(ProcessLookupError):
        child.process.send_signal(number)
        return True
    return False
