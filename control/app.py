"""The control process: wires its parts, serves, and stops cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from control import server
from control.api.application import make_app
from control.audit.key_file import open_keyring
from control.commands import ControlService
from control.db.database import open_database
from control.db.store import Store
from control.mtls_setup import open_trust
from control.routing.probes import Prober
from control.settings import ControlSettings, check, neighbours_of
from control.trust.api_key_file import read_or_make
from control.trust.api_keys import ApiKeys
from control.trust.node_admin_keys import read_node_admin_keys
from httpd.door import Door
from httpd.rate_limiter import RateLimiter
from kernel.clock import Clock
from kernel.documents import load_json
from kernel.errors import BadSettings, StorageFailed
from kernel.http.door_rules import rules_for
from kernel.settings.door_settings import limits_of
from kernel.settings.table import Address
from kernel.signals import install_signals
from system.clock import SystemClock
from system.database.engine import Engine, read_address
from system.private_files import private_folder, tighten
from system.server_tls import tls_context

KEYS_BYTES = 1 << 20
BURST_SECONDS = 10.0
"""Seconds' worth of `job_rate` that a key may request at once."""

log = structlog.get_logger("control")


@dataclass(frozen=True, slots=True)
class Running:
    """A control that serves: its addresses and its parts."""

    listen: Address
    admin: Address
    plane: ControlService
    enrol: Address | None = None


@asynccontextmanager
async def running(settings: ControlSettings, clock: Clock | None = None) -> AsyncIterator[Running]:
    """Serve inside the block and drain after it. Raises BadSettings, StorageFailed."""
    check(settings)
    try:
        async with _running(settings, clock or SystemClock()) as found:
            yield found
    except ExceptionGroup as group:  # the task group's wrapping
        raise (group.exceptions[0] if len(group.exceptions) == 1 else group) from None


@asynccontextmanager
async def _running(settings: ControlSettings, clock: Clock) -> AsyncIterator[Running]:
    default = settings.data / "control.sqlite3"
    database = open_database(read_address(settings.database, default, settings.database_password_file))
    with _exclusive_data(settings, database):
        api_key = read_or_make(settings.api_key_file or settings.data / "api-key")
        keyring = open_keyring(settings.audit_key_file or settings.data / "audit-key")
        store = await Store.open(database, keyring=keyring)
        try:
            async with asyncio.TaskGroup() as tasks:
                plane = ControlService(store, clock)
                plane.audit_log.file, plane.audit_log.keep = settings.data / "audit-seen", settings.audit_keep
                await plane.audit_log.start(lost=settings.audit_key_lost)
                writer = tasks.create_task(plane.supervised.run_task("store", store.run))
                try:
                    async with _serving(settings, plane, api_key, tasks) as found:
                        yield found
                finally:
                    await store.close()
                    await writer
                    await plane.save_edges()
        finally:
            await store.dispose()


@asynccontextmanager
async def _serving(
    settings: ControlSettings, plane: ControlService, api_key: str, tasks: asyncio.TaskGroup
) -> AsyncIterator[Running]:
    await plane.load_edges()
    await plane.fleet_cache.refresh()
    plane.jobs.rate = RateLimiter(settings.job_rate, settings.job_rate * BURST_SECONDS)
    await plane.jobs.start()
    await plane.put_default(settings.default)
    if settings.keys is not None:
        await _put_keys_from(plane, settings.keys)
    serves = False
    keys = ApiKeys(plane.store, api_key)
    await keys.start()
    rules = rules_for(settings.admin, settings.allowed_hosts)
    app = make_app(plane, keys, lambda: serves, rules, read_node_admin_keys(settings.node_admin_keys))
    door = Door(app, limits_of(settings), settings.drain)
    plane.routing.neighbours = neighbours_of(settings)
    running = [tasks.create_task(plane.supervised.run_task(name, work)) for name, work in _background_tasks(plane)]
    try:
        tls = tls_context(settings.tls_cert, settings.tls_key) if settings.tls_cert and settings.tls_key else None
        admin = await door.open(settings.admin, "admin", tls)
        async with _listeners(settings, plane, tasks) as (listen, enrol):
            serves = True  # not before: a caller that sees "ready" may use any listener
            try:
                yield Running(listen, admin, plane, enrol)
            finally:
                serves = False
    finally:
        for task in running:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        with contextlib.suppress(StorageFailed):  # the store has logged it
            await plane.audit_log.check_end()
        await door.close()


def _background_tasks(plane: ControlService) -> list[tuple[str, Callable[[], Awaitable[None]]]]:
    """The background tasks by name; a task that fails is restarted."""
    return [
        ("upkeep", plane.run_upkeep),
        ("hot-titles", plane.hot_titles.run),
        ("settings", plane.settings.run),
        ("jobs", plane.jobs.run),
        ("audit", plane.audit_log.run),
        ("probes", Prober(plane.routing, plane.clock, plane.store).run),
    ]


@asynccontextmanager
async def _listeners(
    settings: ControlSettings, plane: ControlService, tasks: asyncio.TaskGroup
) -> AsyncIterator[tuple[Address, Address | None]]:
    """The gRPC listeners: (for nodes and services, for joining nodes or None)."""
    trust = await open_trust(settings, plane)
    enrol = following = None
    servers = []
    try:
        if trust is not None:
            following = tasks.create_task(plane.supervised.run_task("peers", trust.peers.run))
            if settings.enrol_listen is not None:
                enrol_server, enrol_port = await server.start_enrolment(trust, settings.enrol_listen)
                servers.append(enrol_server)
                enrol = Address(settings.enrol_listen.host, enrol_port)
        fleet_server, port = await server.start(plane, settings.listen, trust)
        servers.append(fleet_server)
        yield Address(settings.listen.host, port), enrol
    finally:
        plane.fanout.stop()
        await asyncio.gather(*(one.stop(grace=settings.drain) for one in servers))
        if following is not None:
            following.cancel()


async def _put_keys_from(plane: ControlService, path: Path) -> None:
    try:
        with path.open("rb") as file:
            data = file.read(KEYS_BYTES)
        await plane.put_keys(load_json(data), author="control", reason=f"setting `keys`, {path.name}")
    except OSError as error:
        raise BadSettings("keys", f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise BadSettings("keys", f"{path}: {error}") from None


@contextmanager
def _exclusive_data(settings: ControlSettings, database: Engine) -> Iterator[None]:
    """Lock an SQLite file: two controls on one file would miss each other's changes."""
    name, file = ("data", settings.data / "lock")
    if database.listen is None and settings.database:
        name, file = ("database", Path(f"{database.name}.lock"))
    try:
        private_folder(settings.data)
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if database.listen is None:
            tighten(Path(f"{database.name}{more}") for more in ("", "-wal", "-shm", "-journal"))
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise BadSettings(name, f"{file.parent} cannot be used: {error.strerror}") from None
    try:
        if database.listen is None:  # replicas over PostgreSQL may share a folder
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise BadSettings(name, f"{file.parent} is in use by another control process") from None
    finally:
        os.close(descriptor)


async def serve(settings: ControlSettings, say: Callable[[str], object]) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    install_signals(
        loop.add_signal_handler,
        stop=stop.set,
        reload=lambda: log.info("reload-ignored"),
        reopen_logs=lambda: log.info("reopen-logs-ignored"),
        unsupported=lambda name: log.warning("signal-unsupported", signal=name),
    )
    async with running(settings) as found:
        scheme = "grpcs" if settings.mtls else "grpc"
        enrol = f" enrol grpcs://{found.enrol}" if found.enrol else ""
        say(f"ready control {scheme}://{found.listen} http://{found.admin}{enrol}")
        await stop.wait()
