"""A new version takes over: a running node starts its successor, hands it the sockets, and drains.

    predecessor                            successor (same arguments, the code that is installed now)
    SIGUSR2: starts it with the sockets →  reads settings, rules, keys and certificates
                                       ←   {"release": true}: it needs cache folder, admin port and control's stream
    releases them; viewers go on       →   {"released": true}
                                           recovers the cache, accepts from the same sockets
    drains and ends                    ←   {"ready": true}

So no connection is refused and no response is cut. A successor that ends before it is ready changes nothing for
viewers: the predecessor serves on. If it had released what it holds by then, it starts another one, since it cannot
store.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import asdict, dataclass

import structlog

from edge.node.processes.channel import Channel, Message
from edge.node.processes.notify import notify
from edge.node.processes.place import VARIABLE as PLACE
from edge.tasks import TaskOwner
from kernel.clock import Clock

VARIABLE = "MTN_TAKEOVER"
RETRY_SECONDS = 5.0
"""Seconds until another successor is started if one ended after this node had released its folder."""
RELEASE_SECONDS = 30.0
"""How long a successor waits for its predecessor to release what it needs."""

logger = structlog.get_logger("edge")


@dataclass(frozen=True, slots=True)
class Takeover:
    """What a successor inherits: descriptors of listening sockets and of the channel, and the port of operators."""

    sockets: tuple[int, ...]
    channel: int
    admin_port: int


def takeover_of(environment: MutableMapping[str, str]) -> Takeover | None:
    """What this process inherits; None if it has no predecessor. Our own children must not take it for theirs."""
    text = environment.pop(VARIABLE, None)
    if text is None:
        return None
    members = json.loads(text)
    return Takeover(tuple(members["sockets"]), members["channel"], members["admin_port"])


def successor_environment(environment: Mapping[str, str], takeover: Takeover) -> dict[str, str]:
    """The environment of a successor."""
    kept = {name: value for name, value in environment.items() if name != PLACE}
    return kept | {VARIABLE: json.dumps(asdict(takeover))}


class Predecessor:
    """Starts successors. `inherited()`: descriptors of the sockets, and the port of operators; `release` frees what a
    successor needs; `stop` drains and ends this node."""

    def __init__(
        self,
        inherited: Callable[[], tuple[Sequence[int], int]],
        release: Callable[[], Awaitable[object]],
        stop: Callable[[], object],
        tasks: TaskOwner,
        clock: Clock,
    ) -> None:
        self._inherited, self._release, self._stop = inherited, release, stop
        self._tasks, self._clock = tasks, clock
        self._channel: Channel | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._released = self._is_starting = False
        self.is_over = False
        """Whether a successor serves."""

    def start_successor(self) -> None:
        """SIGUSR2."""
        if self._is_starting or self._process is not None or self.is_over:
            logger.warning("successor-runs-already")
            return
        self._is_starting = True  # until its process is known: two of them would both take the cache folder
        self._tasks.spawn(self._start())

    async def _start(self) -> None:
        ours, theirs = socket.socketpair()
        sockets, admin_port = self._inherited()
        takeover = Takeover(tuple(sockets), theirs.fileno(), admin_port)
        with theirs:
            try:
                self._process = await self._tasks.offload(
                    lambda: subprocess.Popen(
                        [sys.executable, *sys.orig_argv[1:]],
                        env=successor_environment(os.environ, takeover),
                        pass_fds=(*takeover.sockets, takeover.channel),
                    )
                )
            except OSError as error:
                ours.close()
                again = self._retry()
                logger.error("successor-not-started", error=str(error), restart_in=again)  # noqa: TRY400 (no trace)
                return
            finally:
                self._is_starting = False
        logger.info("successor-started", pid=self._process.pid)
        self._channel = Channel(self._on_message, self._on_closed)
        await self._channel.open(ours)

    def _on_message(self, message: Message) -> None:
        if "release" in message:
            self._tasks.spawn(self._release_for_successor())
        elif "ready" in message and self._process is not None:
            self.is_over = True
            notify(f"MAINPID={self._process.pid}")
            logger.info("successor-serves", pid=self._process.pid)
            self._stop()

    async def _release_for_successor(self) -> None:
        if not self._released:
            self._released = True
            await self._release()
        if self._channel is not None:
            self._channel.send(released=True)

    def _on_closed(self) -> None:
        process, self._process, self._channel = self._process, None, None
        if self.is_over or process is None:
            return
        self._tasks.spawn(self._reap(process))

    async def _reap(self, process: subprocess.Popen[bytes]) -> None:
        code = await self._tasks.offload(process.wait)
        logger.error("successor-failed", code=code, serving="this process serves on", restart_in=self._retry())

    def _retry(self) -> float | None:
        """Start another successor later if this node cannot store any more; returns the seconds until then."""
        if not self._released:
            return None
        self._clock.call_later(RETRY_SECONDS, self.start_successor)
        return RETRY_SECONDS


class Successor:
    """The other end."""

    def __init__(self, takeover: Takeover) -> None:
        self._socket = socket.socket(fileno=takeover.channel)
        self._channel = Channel(self._on_message, self._on_closed)
        self._released = asyncio.Event()

    async def open(self) -> None:
        """Begin to talk to the predecessor."""
        await self._channel.open(self._socket)

    async def ask_release(self) -> None:
        """Wait until the predecessor has released what this node needs, or is gone."""
        self._channel.send(release=True)
        try:
            async with asyncio.timeout(RELEASE_SECONDS):
                await self._released.wait()
        except TimeoutError:
            logger.warning("predecessor-silent", seconds=RELEASE_SECONDS)

    def say_ready(self) -> None:
        """This node serves: the predecessor drains."""
        self._channel.send(ready=True)

    def _on_message(self, message: Message) -> None:
        if "released" in message:
            self._released.set()

    def _on_closed(self) -> None:
        self._released.set()
