"""`matinee edge`: one process that answers viewers until SIGTERM."""

from __future__ import annotations

import asyncio
import ctypes
import gc

import structlog
import uvloop

from edge.app import Edge
from edge.process_log import configure_log, loop_exception_handler
from edge.settings import EdgeSettings
from edge.upstreams.network import LoopNetwork
from httpd.process import begin_process
from kernel.signals import hold_signals, install_signals
from system.clock import SystemClock

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
    _bound_arenas()
    uvloop.run(_serve(settings))
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

    A miss makes some hundred objects, and each full collection would visit all of these: it took a tenth of the loop's
    time. Cycles are rare, so young objects are looked at less often too.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(MIN_YOUNG_OBJECTS)


async def _serve(settings: EdgeSettings) -> None:
    clock = SystemClock()
    rate = configure_log(clock.mono)
    edge = Edge(settings, LoopNetwork(), clock)
    edge.counts.log_rate = rate
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(loop_exception_handler(edge.counts.count_loop_error))
    install_signals(
        loop.add_signal_handler,
        stop=stop.set,
        reload=edge.reload,
        reopen_logs=edge.reopen_log,
        unsupported=lambda name: logger.warning("signal-unsupported", signal=name),
    )
    await edge.start()
    await edge.start_admin()
    _freeze_objects()
    scheme = "https" if settings.tls_cert is not None else "http"
    print(f"ready {settings.role} {scheme}://{edge.address} admin http://{edge.admin_address}", flush=True)
    await stop.wait()
    await edge.stop()
