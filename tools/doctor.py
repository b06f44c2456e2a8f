"""`matinee doctor`: check this machine and a running platform; report problems and how to fix them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kernel.errors import BadSettings
from kernel.settings.table import INTEGER, PATH, setting
from origin.ingest import subprocesses
from tools.doctor_findings import Finding, Level, nearest_existing
from tools.doctor_node import check_node
from tools.up.plan import PORTS_ABOVE, Addresses, Plan, PlannedProgram, all_programs
from tools.up.ports import why_not_free
from tools.up.state import LOCK

ROOT = Path(__file__).resolve().parents[1]
PLAYER = Path("node_modules/hls.js/dist/hls.min.js")
MIN_DISK, RECOMMENDED_DISK = 1 << 30, 5 << 30
RECOMMENDED_MEMORY = 2 << 30
EARLIEST_TIME = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
"""A clock before this release's year is wrong."""
MAX_AHEAD = 60.0
ANSWER_SECONDS = 3.0
_TIME_ERROR = 5
_TCP_ULP = 31
"""Of `tcp(7)`, which Python 3.11 has no name for."""


@dataclass(frozen=True)
class DoctorSettings:
    """`matinee doctor`."""

    port: int = setting(
        INTEGER, "8080", "Port of the platform's pages, as given to `up`.", least=1, most=65535 - PORTS_ABOVE
    )
    state: Path = setting(PATH, ".matinee", "Folder of the platform's state, as given to `up`.")
    edge_config: Path | None = setting(
        PATH, None, "Settings file of an edge or shield: check it and what it names instead."
    )


SETTINGS = DoctorSettings


def run(settings: DoctorSettings) -> int:
    """Print a table of findings. Returns 1 if any check failed."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    state, now = settings.state.absolute(), time.time()  # noqa: TID251 (checks the clock itself)
    if settings.edge_config is not None:
        written = newest_timestamp(settings.edge_config.absolute().parent)
        clock = check_clock(now, written, is_clock_synchronised())
        findings = [
            check_python(sys.version_info[:2]),
            check_kernel_tls(),
            clock,
            *check_node(settings.edge_config, now),
        ]
    else:
        findings = [*check_machine(state), *check_platform(Plan(Addresses(settings.port), state, "DE", None, 0.0))]
    shown = Table(title="Checks of this machine and the platform", title_justify="left")
    for heading in ("Check", "Result", "Details", "Fix"):
        shown.add_column(heading, overflow="fold")
    colours = {Level.OK: "green", Level.WARNING: "yellow", Level.FAILED: "bold red"}
    for finding in findings:
        level = f"[{colours[finding.level]}]{finding.level}[/]"
        shown.add_row(finding.check, level, escape(finding.details), escape(finding.fix))
    Console(width=None if sys.stdout.isatty() else 140).print(shown)
    failed = sum(finding.level is Level.FAILED for finding in findings)
    print(f"{failed} of {len(findings)} checks failed." if failed else "No check failed.", flush=True)
    return 1 if failed else 0


def check_machine(state: Path) -> Iterator[Finding]:
    """Checks of the machine, whether or not a platform runs."""
    yield check_python(sys.version_info[:2])
    yield from check_media_programs()
    yield check_player(ROOT / PLAYER)
    yield check_disk(nearest_existing(state))
    yield check_memory(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    yield check_kernel_tls()
    yield check_clock(time.time(), newest_timestamp(state), is_clock_synchronised())  # noqa: TID251 (checks the clock itself)


def check_kernel_tls() -> Finding:
    """Say whether this kernel can encrypt TLS itself (kTLS); the edge does it in its own process either way."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as sock:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, _TCP_ULP, b"tls")
            found = "in this kernel, not used: Python 3.11 cannot ask for it"
        except OSError:
            found = "not in this kernel"
    return Finding("kernel TLS", Level.OK, found)


def check_python(version: tuple[int, int]) -> Finding:
    """Check that Python is the version that the packages are locked for."""
    seen = f"Python {platform.python_version()}"
    if version == (3, 11):
        return Finding("Python", Level.OK, seen)
    return Finding(
        "Python", Level.FAILED, seen, "the packages are locked for Python 3.11: install it and run `make setup`"
    )


def check_media_programs() -> Iterator[Finding]:
    """Check that ffmpeg, ffprobe and the packager exist and run."""
    try:
        found = subprocesses.find_programs()
    except BadSettings as error:
        yield Finding("media programs", Level.FAILED, error.why, "run `make setup`")
        return
    for name, option in (("ffmpeg", "-version"), ("ffprobe", "-version"), ("packager", "--version")):
        yield check_program(name, getattr(found, name), option)


def check_program(name: str, path: str, option: str) -> Finding:
    """Check that a program prints its version."""
    try:
        result = subprocess.run([path, option], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding(name, Level.FAILED, f"{path} cannot be run: {error}", "run `make setup` again")
    first = (result.stdout or result.stderr).strip().partition("\n")[0][:80]
    if result.returncode:
        return Finding(name, Level.FAILED, f"exit code {result.returncode}: {first}", "run `make setup` again")
    return Finding(name, Level.OK, first)


def check_player(file: Path) -> Finding:
    """Check that npm installed the page's player."""
    if file.is_file():
        return Finding("web player", Level.OK, f"hls.js, {file.stat().st_size >> 10} KiB")
    return Finding("web player", Level.FAILED, f"{file} is missing", "run `make setup` (requires npm)")


def check_disk(folder: Path) -> Finding:
    """Check the state folder's free space and permissions."""
    if not os.access(folder, os.W_OK):
        return Finding("disk", Level.FAILED, f"{folder} is not writable", "change its permissions, or select --state")
    free = shutil.disk_usage(folder).free
    seen = f"{free / (1 << 30):.1f} GiB free at {folder}"
    if free < MIN_DISK:
        return Finding("disk", Level.FAILED, seen, "free some space: films and caches need at least 1 GiB")
    if free < RECOMMENDED_DISK:
        return Finding("disk", Level.WARNING, seen, "free some space: the caches may grow to 8 GiB")
    return Finding("disk", Level.OK, seen)


def check_memory(size: int) -> Finding:
    """Check the machine's RAM, `size` bytes."""
    seen = f"{size / (1 << 30):.1f} GiB"
    if size < RECOMMENDED_MEMORY:
        return Finding("memory", Level.WARNING, seen, "encoding and three caches need about 2 GiB")
    return Finding("memory", Level.OK, seen)


def newest_timestamp(state: Path) -> float:
    """The newest time stamp in the state folder (Unix seconds); 0 if there is none."""
    times = [0.0]
    with contextlib.suppress(OSError):
        times += [entry.stat().st_mtime for entry in state.iterdir()]
    return max(times)


def is_clock_synchronised() -> bool | None:
    """Whether the kernel's clock is synchronised by NTP (adjtimex(2)); None if unknown."""
    try:
        state: int = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(512))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR


def check_clock(now: float, written: float, kept: bool | None) -> Finding:
    """Check the wall clock, because tokens expire by it. `written` is the newest time stamp in the state folder."""
    seen = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    if now < EARLIEST_TIME:
        return Finding("clock", Level.FAILED, seen, "the clock is years behind: set it, and enable NTP")
    if written > now + MAX_AHEAD:
        fix = "set the clock: the state folder has files from the future"
        return Finding("clock", Level.FAILED, f"{seen}; the state is {written - now:.0f} s ahead", fix)
    if kept is False:
        return Finding(
            "clock",
            Level.WARNING,
            f"{seen}, not synchronised by NTP",
            "on servers: enable NTP, tokens expire by the clock",
        )
    return Finding("clock", Level.OK, seen)


def check_platform(plan: Plan) -> Iterator[Finding]:
    """Check the health of a running platform; if none runs, check that its ports are free."""
    planned = list(all_programs(plan))
    holder = lock_holder(plan.state / LOCK)
    if holder is None:
        yield check_ports(planned)
        return
    yield Finding("platform", Level.OK, f"`matinee up` is running (process {holder})")
    yield from (check_health(program) for program in planned)


def lock_holder(lock: Path) -> int | None:
    """The process id of the `matinee up` on this state; None if none runs."""
    try:
        holder = int(lock.read_text().split()[0])
        command = Path(f"/proc/{holder}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError, IndexError):
        return None
    return holder if b"up" in command else None


def check_ports(planned: Iterable[PlannedProgram]) -> Finding:
    """Check that all ports of the platform are free."""
    taken = [
        f"{host}:{port} ({program.name}) {why}"
        for program in planned
        for host, port in program.listens
        if (why := why_not_free(host, port)) is not None
    ]
    if taken:
        return Finding("ports", Level.FAILED, "; ".join(taken), "free them, or select another --port")
    return Finding("ports", Level.OK, "all ports are free; the platform is not running")


def check_health(program: PlannedProgram) -> Finding:
    """Check that a program's health endpoint responds with 200."""
    fix = f"see {program.name}.log in the state's logs folder"
    try:
        with urllib.request.urlopen(program.health, timeout=ANSWER_SECONDS) as answer:  # noqa: S310 (a fixed http address)
            return Finding(program.name, Level.OK, f"{program.health} responds with {answer.status}")
    except urllib.error.HTTPError as error:
        with error:
            return Finding(program.name, Level.FAILED, f"{program.health} responds with {error.code}", fix)
    except OSError as error:
        return Finding(program.name, Level.FAILED, f"{program.health} does not respond: {error}", fix)
