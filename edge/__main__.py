"""`matinee edge`: a node that answers viewers until SIGTERM, in one process or in several."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
import uvloop

from edge.node.processes.notify import notify
from edge.node.processes.place import NodePlace, place_of
from edge.process_log import configure_log, loop_exception_handler
from edge.settings import EdgeSettings
from edge.upstreams.network import LoopNetwork
from httpd.process import begin_process
from kernel.errors import BadSettings
from kernel.settings.command_line import Usage, read
from kernel.signals import hold_signals, install_signals
from system.clock import SystemClock

if TYPE_CHECKING:  # a supervisor does without them
    from edge.app import Edge
    from edge.node.processes.channel import SupervisorLink
    from edge.node.processes.takeover import Successor

SETTINGS = EdgeSettings

_M_ARENA_MAX = -8
"""Of `mallopt(3)`."""

MIN_YOUNG_OBJECTS = 10_000
"""New objects after which the garbage collector looks for cycles among them."""

logger = structlog.get_logger("edge")


def run(settings: EdgeSettings) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    hold_signals()
    begin_process()  # a connection and a large body in RAM cost a descriptor each
    place = place_of(os.environ)
    if place is None and settings.workers > 1:
        from edge.node.supervise import supervise

        return supervise(settings)
    _bound_arenas()
    uvloop.run(_serve(settings, place))
    return 0


def _bound_arenas() -> None:
    """One malloc arena for all threads. The disk's threads allocate bodies that the loop frees; with an arena for each
    thread, each would keep the room of the most it ever held (docs/operating.md). Does nothing with another C library.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)


def _freeze_objects() -> None:
    """Keep the garbage collector off what is there at the start: modules, settings and the entries of the disk tier.

    A miss makes some hundred objects, and each full collection would visit all of these: in a profile of misses, 4 % of
    the loop's time. Cycles are rare, so young objects are collected less often too.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(MIN_YOUNG_OBJECTS)


@dataclass(slots=True)
class _Surroundings:
    """What a process has been given: by its supervisor (`link`), by its predecessor (`successor`), or by nobody."""

    settings: EdgeSettings
    network: LoopNetwork
    link: SupervisorLink | None = None
    successor: Successor | None = None


def _surroundings(settings: EdgeSettings, place: NodePlace | None) -> _Surroundings:
    from edge.node.processes import sockets
    from edge.node.processes.channel import SupervisorLink
    from edge.node.processes.takeover import Successor, takeover_of

    if place is not None:
        at = settings.admin._replace(port=place.admin_port)
        link = SupervisorLink(place.channel)
        return _Surroundings(replace(settings, admin=at), sockets.SharedSockets(place.sockets), link)
    takeover = takeover_of(os.environ)
    if takeover is not None:
        at = settings.admin._replace(port=takeover.admin_port)
        network = sockets.InheritedSockets(takeover.sockets)
        return _Surroundings(replace(settings, admin=at), network, successor=Successor(takeover))
    passed = sockets.passed_sockets(os.environ, os.getpid())
    sockets.forget_passed_sockets(os.environ)
    return _Surroundings(settings, sockets.InheritedSockets(passed) if passed else LoopNetwork())


async def _serve(settings: EdgeSettings, place: NodePlace | None) -> None:
    from edge.app import Edge

    clock, stop = SystemClock(), asyncio.Event()
    rate = configure_log(clock.mono)
    around = _surroundings(settings, place)
    edge = Edge(around.settings, around.network, clock, place=place, link=around.link)
    edge.counts.log_rate = rate
    edge.read_again = lambda: replace(read_settings(settings), admin=around.settings.admin)

    def begin_stop() -> None:
        stop.set()
        edge.prepare_stop()

    if around.link is not None:
        await around.link.open(begin_stop)
    _install_handlers(edge, begin_stop, clock)
    if around.successor is not None:
        await around.successor.open()
        await around.successor.ask_release()
    await edge.start()
    if not stop.is_set() and edge.owns_cache:
        await edge.start_admin()
    _freeze_objects()
    _say_ready(edge, around)
    await stop.wait()
    await edge.stop()


def _install_handlers(edge: Edge, begin_stop: Callable[[], object], clock: SystemClock) -> None:
    from edge.node.processes.takeover import Predecessor

    def inherited() -> tuple[Sequence[int], int]:
        return edge.listener.descriptors, edge.admin_address.port if edge.admin_address is not None else 0

    predecessor = Predecessor(inherited, edge.release, begin_stop, edge.tasks, clock)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(loop_exception_handler(edge.counts.count_loop_error))
    install_signals(
        loop.add_signal_handler,
        stop=begin_stop,
        reload=edge.reload,
        reopen_logs=lambda: edge.reload("log"),
        unsupported=lambda name: logger.warning("signal-unsupported", signal=name),
        # In a node of several processes the supervisor hands over, for all of them.
        hand_over=predecessor.start_successor if edge.owner is None and edge.worker is None else None,
    )


def read_settings(started: EdgeSettings) -> EdgeSettings:
    """The settings of the command line, the environment and the file of --config, as they are now. BadSettings."""
    try:
        made, _ = read(
            type(started), sys.argv[2:], prog=f"matinee {started.role}", summary="", env=os.environ,
            read_text=lambda name: Path(name).read_text(encoding="utf-8"),
        )  # fmt: skip
    except Usage as error:
        raise BadSettings("config", str(error)) from None
    return made


def _say_ready(edge: Edge, around: _Surroundings) -> None:
    scheme = "https" if edge.settings.tls_cert is not None else "http"
    line = f"ready {edge.settings.role} {scheme}://{edge.address} admin http://{edge.admin_address}"
    if around.link is not None:
        around.link.send(ready=line)
        return
    print(line, flush=True)
    notify("READY=1")
    if around.successor is not None:
        around.successor.say_ready()
