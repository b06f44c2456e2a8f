"""`matinee edge`: one process that answers viewers until SIGTERM."""

from __future__ import annotations

import asyncio
import resource
import signal
import sys

import structlog
import uvloop

from edge.app import Edge
from edge.clock import SystemClock
from edge.network import LoopNetwork
from edge.settings import EdgeSettings

SETTINGS = EdgeSettings


def run(settings: EdgeSettings) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a connection and a large body in RAM cost one each
    uvloop.run(_serve(settings))
    return 0


async def _serve(settings: EdgeSettings) -> None:
    edge = Edge(settings, LoopNetwork(), SystemClock())
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, edge.reload)
    await edge.start()
    await edge.start_admin()
    scheme = "https" if settings.tls_cert is not None else "http"
    print(f"ready {settings.role} {scheme}://{edge.address} admin http://{edge.admin_address}", flush=True)
    await stop.wait()
    await edge.stop()
