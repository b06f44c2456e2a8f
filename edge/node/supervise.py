"""Runs a node of several processes: its sockets, its folder, its supervisor, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import structlog
import xxhash

from edge.node.processes.notify import notify
from edge.node.processes.place import TICKET_SECRET
from edge.node.processes.sockets import forget_passed_sockets, free_port, open_sockets, own, passed_sockets
from edge.node.processes.supervisor import Supervisor
from edge.node.processes.takeover import Predecessor, Successor, Takeover, takeover_of
from edge.node.tiers import has_no_disk, touches_size
from edge.process_log import configure_log
from edge.serve.shared_counts import map_size
from edge.settings import EdgeSettings
from edge.tasks import TaskOwner
from kernel.errors import BadSettings
from kernel.signals import install_signals
from system.clock import SystemClock
from system.private_files import private_folder

logger = structlog.get_logger("edge")

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 (a folder of our own in it)
"""A file system in memory; without it, the folder for temporary files takes its place."""
MAX_GENERATIONS = 16
"""Folders of one node that can be in use at a time: a node and its successors."""
BIND_SECONDS, BIND_STEP = 5.0, 0.1
"""How long a start waits for the address that the workers of a killed predecessor still hold."""


def supervise(settings: EdgeSettings) -> int:
    """Run the node; the exit code. Raises BadSettings if it cannot listen."""
    with node_folder(settings) as folder:
        return asyncio.run(_run(settings, folder))


async def _run(settings: EdgeSettings, folder: Path) -> int:
    clock = SystemClock()
    configure_log(clock.mono)
    takeover = takeover_of(os.environ)
    successor = Successor(takeover) if takeover is not None else None
    if successor is not None:
        await successor.open()
    sockets = await _sockets(settings, takeover)
    admin_port = _admin_port(settings, takeover)
    bodies = _bodies_folder(settings, sockets)
    tasks = TaskOwner(lambda error: logger.error("bug-task-failed", exc_info=error), threads=1)
    supervisor = Supervisor(settings.workers, folder, bodies, sockets, admin_port, settings.drain, successor)
    predecessor = Predecessor(
        lambda: (supervisor.descriptors, admin_port), supervisor.release, supervisor.stop, tasks, clock
    )
    install_signals(
        asyncio.get_running_loop().add_signal_handler,
        stop=supervisor.stop,
        reload=lambda: supervisor.signal_owner(signal.SIGHUP),
        reopen_logs=lambda: supervisor.signal_owner(signal.SIGUSR1),
        unsupported=lambda _: None,
        hand_over=predecessor.start_successor,
    )
    line = await supervisor.start()
    if line is not None:
        print(line, flush=True)
        notify("READY=1")
        if successor is not None:
            successor.say_ready()
    code = await supervisor.wait_ended()
    await tasks.stop(0.0)
    is_failed_successor = successor is not None and line is None  # the bodies are its predecessor's, which serves on
    if not predecessor.is_over and not is_failed_successor:
        shutil.rmtree(bodies, ignore_errors=True)
    return code


def _admin_port(settings: EdgeSettings, takeover: Takeover | None) -> int:
    if takeover is not None:
        return takeover.admin_port
    return settings.admin.port or free_port(settings.admin.host)


async def _sockets(settings: EdgeSettings, takeover: Takeover | None) -> list[socket.socket]:
    """The listening sockets: the predecessor's, systemd's, or new ones. Raises BadSettings."""
    inherited = takeover.sockets if takeover is not None else passed_sockets(os.environ, os.getpid())
    forget_passed_sockets(os.environ)
    if inherited:
        return own(inherited)
    try:
        return await _bound(settings)
    except OSError as error:
        raise BadSettings("listen", f"{settings.listen} cannot be listened on: {error.strerror or error}") from None


async def _bound(settings: EdgeSettings) -> list[socket.socket]:
    loop = asyncio.get_running_loop()
    until = loop.time() + BIND_SECONDS
    while True:
        try:
            return open_sockets(settings.listen)
        except OSError:
            if loop.time() >= until:
                raise
        await asyncio.sleep(BIND_STEP)


def _parent() -> Path:
    if os.access(SHARED_MEMORY, os.W_OK | os.X_OK):
        return SHARED_MEMORY
    return Path(tempfile.gettempdir())


def _name(settings: EdgeSettings) -> str:
    """A name for the node on this machine: the same at its next start."""
    words = f"{os.geteuid()} {settings.role} {settings.id} {settings.listen} {settings.cache_dir}"
    return xxhash.xxh3_64_hexdigest(words.encode())


def _bodies_folder(settings: EdgeSettings, sockets: list[socket.socket]) -> Path:
    """The folder of bodies in memory: the same at the node's next start, and for its successor."""
    port = "" if settings.listen.port else f"-{sockets[0].getsockname()[1]}"  # two nodes may have asked for any port
    folder = _parent() / f"matinee-bodies-{_name(settings)}{port}"
    if has_no_disk(settings):
        _own_folder(folder)
    return folder


def _own_folder(folder: Path) -> None:
    """Make a folder in a place where every user of the machine can. Raises BadSettings if another one made it."""
    private_folder(folder)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise BadSettings("workers", f"{folder} belongs to another user")


@contextlib.contextmanager
def node_folder(settings: EdgeSettings) -> Iterator[Path]:
    """A folder of this node alone, with its maps; removed at the end. What a killed node left is used again."""
    for number in range(MAX_GENERATIONS):
        folder = _parent() / f"matinee-node-{_name(settings)}-{number}"
        _own_folder(folder)
        fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            continue
        _make_map(folder / "touches", touches_size(settings))
        _make_map(folder / "connections", map_size(settings.workers))
        (folder / TICKET_SECRET).write_bytes(os.urandom(32))  # in a folder that only this user can enter
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(fd)
        return
    raise BadSettings(
        "workers", f"{_parent()} has no free folder for this node: too many of its predecessors still run"
    )


def _make_map(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)
