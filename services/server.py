"""Run the services: listen, handle signals, own the background tasks, stop cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from contextlib import AsyncExitStack
from functools import partial

import structlog
import uvloop

from httpd.door import Door
from httpd.process import begin_process
from kernel.errors import BadSettings, Bug, MatineeError
from kernel.settings.door_settings import limits_of
from kernel.signals import hold_signals, install_signals
from services.app import Services, Task, build_services
from services.settings import ServicesSettings
from system.clock import SystemClock
from system.json_log import log_json_lines
from system.server_tls import renew_certificate, tls_context

log = structlog.get_logger()

MAX_LINE_LENGTH = 64 * 1024
"""Bytes of a request line; large enough that search itself can refuse a long query with a clear error."""
MAX_FIELD_LENGTH = 16 * 1024
READY_SECONDS = 5.0
"""How long the start waits for the search index and the recommendations before serving without them."""


def serve(settings: ServicesSettings) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit code."""
    hold_signals()
    begin_process()
    _log_as_json()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(settings))


def _log_as_json() -> None:
    log_json_lines()
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)  # Its lines are not JSON; the middleware logs errors.


async def _serve(settings: ServicesSettings) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    cert, key = settings.tls_cert, settings.tls_key
    tls = tls_context(cert, key) if cert and key else None
    install_signals(
        loop.add_signal_handler,
        stop=stop.set,
        reload=lambda: _renew_certificate(settings, tls),
        reopen_logs=lambda: log.info("reopen-ignored", reason="the log goes to stderr"),
        unsupported=lambda name: log.warning("signal-not-supported", signal=name),
    )
    async with AsyncExitStack() as stack:
        services = await build_services(settings, SystemClock(), stack)
        await _run(settings, services, stop, tls)
    return 0


async def _run(settings: ServicesSettings, services: Services, stop: asyncio.Event, tls: ssl.SSLContext | None) -> None:
    """Serve HTTP with the background tasks; failed tasks are logged, counted and restarted. Raises MatineeError."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(services.supervised.run_task(task_name(task), task)) for task in services.tasks]
            try:
                await _answer(settings, services, stop, tls)
            finally:
                for task in tasks:
                    task.cancel()
    except ExceptionGroup as failed:
        first: Exception = failed
        while isinstance(first, ExceptionGroup):
            first = first.exceptions[0]
        if isinstance(first, MatineeError):
            raise first from None
        log.exception("task-failed")
        raise Bug(f"a task of the services failed: {type(first).__name__}: {first}") from first


def _renew_certificate(settings: ServicesSettings, tls: ssl.SSLContext | None) -> None:
    """Use the certificate that the files hold now; a bad one leaves the old one in use."""
    if tls is None or settings.tls_cert is None or settings.tls_key is None:
        log.info("reload-ignored", reason="nothing to reload")
        return
    try:
        renew_certificate(tls, settings.tls_cert, settings.tls_key)
        log.info("certificate-renewed")
    except BadSettings as error:
        log.error("reload-failed", reason=str(error))  # noqa: TRY400 (the operator's file, not our bug)


def task_name(task: Task) -> str:
    """The name of a task in logs and counters."""
    work = task.func if isinstance(task, partial) else task
    return str(getattr(work, "__qualname__", "task")).strip("_")


async def _answer(
    settings: ServicesSettings, services: Services, stop: asyncio.Event, tls: ssl.SSLContext | None
) -> None:
    limits = limits_of(settings, settings.trusted_proxies)
    door = Door(
        services.application, limits, settings.drain, max_line_size=MAX_LINE_LENGTH, max_field_size=MAX_FIELD_LENGTH
    )
    await door.setup()
    try:
        await _ready(services, stop)
        address = await door.open(settings.listen, tls=tls)
        print(f"ready services http{'s' if tls else ''}://{address}", flush=True)
        await stop.wait()
        services.stopping.set()
        log.info("draining", seconds=settings.drain)
    finally:
        await door.close()


async def _ready(services: Services, stop: asyncio.Event) -> None:
    """Wait until all parts are ready, at most READY_SECONDS."""

    async def all_ready() -> None:
        for event in services.ready:
            await event.wait()

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(READY_SECONDS), asyncio.TaskGroup() as group:
            waiting = group.create_task(all_ready())
            stopping = group.create_task(stop.wait())
            waiting.add_done_callback(lambda _: stopping.cancel())
            stopping.add_done_callback(lambda _: waiting.cancel())
