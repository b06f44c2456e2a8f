"""`matinee doctor`: look over this machine and a running platform; say what is wrong and what to do about it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from kernel.errors import BadSettings
from kernel.settings.table import INTEGER, PATH, setting
from origin.ingest import subprocesses
from tools.up.plan import PORTS_ABOVE, Choices, Part, Places, parts
from tools.up.ports import why_not_free
from tools.up.state import LOCK

ROOT = Path(__file__).resolve().parents[1]
PLAYER = Path("node_modules/hls.js/dist/hls.min.js")
DISK_LEAST, DISK_WISHED = 1 << 30, 5 << 30
MEMORY_WISHED = 2 << 30
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
"""No machine that runs this can be in an earlier year: its clock is wrong."""
MAX_AHEAD = 60.0
ANSWER_SECONDS = 3.0
_TIME_ERROR = 5


class Level(StrEnum):
    """How bad a finding is; only WRONG makes the exit code 1."""

    FINE = "fine"
    DOUBT = "doubt"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is, what was seen, and what to do where it is not fine."""

    what: str
    level: Level
    seen: str
    advice: str = ""


@dataclass(frozen=True)
class DoctorSettings:
    """`matinee doctor`."""

    port: int = setting(
        INTEGER, "8080", "Port of the platform's pages, as given to `up`.", least=1, most=65535 - PORTS_ABOVE
    )
    state: Path = setting(PATH, ".matinee", "Folder of the platform's state, as given to `up`.")


SETTINGS = DoctorSettings


def run(settings: DoctorSettings) -> int:
    """Print a table of findings; 1 when one of them is wrong."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    state = settings.state.absolute()
    findings = [*machine(state), *running(Choices(Places(settings.port), state, "DE", None, 0.0))]
    shown = Table(title="Matinee's doctor", title_justify="left")
    for heading in ("what", "is", "seen", "what to do"):
        shown.add_column(heading, overflow="fold")
    colours = {Level.FINE: "green", Level.DOUBT: "yellow", Level.WRONG: "bold red"}
    for finding in findings:
        level = f"[{colours[finding.level]}]{finding.level}[/]"
        shown.add_row(finding.what, level, escape(finding.seen), escape(finding.advice))
    Console(width=None if sys.stdout.isatty() else 140).print(shown)
    wrong = sum(finding.level is Level.WRONG for finding in findings)
    print(f"{wrong} of {len(findings)} are wrong" if wrong else "Nothing is wrong.", flush=True)
    return 1 if wrong else 0


def machine(state: Path) -> Iterator[Finding]:
    """What is wanted of the machine, whether a platform runs or not."""
    yield python(sys.version_info[:2])
    yield from media_programs()
    yield player(ROOT / PLAYER)
    yield disk(nearest(state))
    yield memory(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    yield clock(time.time(), newest(state), synchronised())  # noqa: TID251 (the clock itself is looked at)


def python(version: tuple[int, int]) -> Finding:
    """The interpreter that the locked packages are for."""
    seen = f"Python {platform.python_version()}"
    if version == (3, 11):
        return Finding("Python", Level.FINE, seen)
    return Finding("Python", Level.WRONG, seen, "the packages are locked for Python 3.11: run `make setup` with it")


def media_programs() -> Iterator[Finding]:
    """ffmpeg, ffprobe and the packager: there, and able to run here."""
    try:
        found = subprocesses.find()
    except BadSettings as error:
        yield Finding("media programs", Level.WRONG, error.why, "run `make setup`")
        return
    for name, option in (("ffmpeg", "-version"), ("ffprobe", "-version"), ("packager", "--version")):
        yield program(name, getattr(found, name), option)


def program(name: str, path: str, option: str) -> Finding:
    """A program says its version."""
    try:
        told = subprocess.run([path, option], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding(name, Level.WRONG, f"{path} cannot be run: {error}", "run `make setup` again")
    first = (told.stdout or told.stderr).strip().partition("\n")[0][:80]
    if told.returncode:
        return Finding(name, Level.WRONG, f"exit code {told.returncode}: {first}", "run `make setup` again")
    return Finding(name, Level.FINE, first)


def player(file: Path) -> Finding:
    """The player that the page loads, put there by npm."""
    if file.is_file():
        return Finding("web player", Level.FINE, f"hls.js, {file.stat().st_size >> 10} KiB")
    return Finding("web player", Level.WRONG, f"{file} is not there", "run `make setup` (it needs npm)")


def nearest(folder: Path) -> Path:
    """The folder itself, or the nearest one above it that exists."""
    return next(place for place in (folder, *folder.parents) if place.exists())


def disk(folder: Path) -> Finding:
    """Room where the state lies, and leave to write there."""
    if not os.access(folder, os.W_OK):
        return Finding("disk", Level.WRONG, f"{folder} cannot be written to", "give yourself leave, or choose --state")
    free = shutil.disk_usage(folder).free
    seen = f"{free / (1 << 30):.1f} GiB free at {folder}"
    if free < DISK_LEAST:
        return Finding("disk", Level.WRONG, seen, "make room: films and caches need 1 GiB at the least")
    if free < DISK_WISHED:
        return Finding("disk", Level.DOUBT, seen, "the caches may grow to 8 GiB; make room, or watch it")
    return Finding("disk", Level.FINE, seen)


def memory(size: int) -> Finding:
    """RAM of the machine, bytes."""
    seen = f"{size / (1 << 30):.1f} GiB"
    if size < MEMORY_WISHED:
        return Finding("memory", Level.DOUBT, seen, "encoding and three caches wish for 2 GiB")
    return Finding("memory", Level.FINE, seen)


def newest(state: Path) -> float:
    """When something in the state folder was last written, by its own time stamps; 0 where there is none."""
    times = [0.0]
    with contextlib.suppress(OSError):
        times += [entry.stat().st_mtime for entry in state.iterdir()]
    return max(times)


def synchronised() -> bool | None:
    """Whether the kernel's clock is kept by NTP (adjtimex(2)); None where that cannot be told."""
    try:
        state: int = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(512))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR


def clock(now: float, written: float, kept: bool | None) -> Finding:
    """The wall clock: tokens are dated, and an edge gives no leeway. `written`: the newest time stamp of the state."""
    seen = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    if now < EARLIEST:
        return Finding("clock", Level.WRONG, seen, "the clock is years behind: set it, and keep it by NTP")
    if written > now + MAX_AHEAD:
        advice = "the state was written in the future: the clock was set back, or is wrong"
        return Finding("clock", Level.WRONG, f"{seen}; the state is {written - now:.0f} s ahead", advice)
    if kept is False:
        return Finding("clock", Level.DOUBT, f"{seen}, not kept by NTP", "on servers: tokens need clocks that agree")
    return Finding("clock", Level.FINE, seen)


def running(choices: Choices) -> Iterator[Finding]:
    """A running platform answers everywhere; where none runs its ports are free."""
    planned = list(parts(choices))
    holder = lock_holder(choices.state / LOCK)
    if holder is None:
        yield ports(planned)
        return
    yield Finding("platform", Level.FINE, f"`matinee up` runs as process {holder}")
    yield from (health(part) for part in planned)


def lock_holder(lock: Path) -> int | None:
    """The process that runs `matinee up` on this state; None when none does."""
    try:
        holder = int(lock.read_text().split()[0])
        command = Path(f"/proc/{holder}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError, IndexError):
        return None
    return holder if b"up" in command else None


def ports(planned: Iterable[Part]) -> Finding:
    """No platform runs: each of its ports can be listened on."""
    taken = [
        f"{host}:{port} ({part.name}) {why}"
        for part in planned
        for host, port in part.listens
        if (why := why_not_free(host, port)) is not None
    ]
    if taken:
        return Finding("ports", Level.WRONG, "; ".join(taken), "free them, or choose another --port")
    return Finding("ports", Level.FINE, "all free; the platform is not running")


def health(part: Part) -> Finding:
    """A program's health endpoint answers 200."""
    advice = f"look at {part.name}.log in the state's logs folder"
    try:
        with urllib.request.urlopen(part.health, timeout=ANSWER_SECONDS) as answer:  # noqa: S310 (a fixed http address)
            return Finding(part.name, Level.FINE, f"{part.health} answers {answer.status}")
    except urllib.error.HTTPError as error:
        with error:
            return Finding(part.name, Level.WRONG, f"{part.health} answers {error.code}", advice)
    except OSError as error:
        return Finding(part.name, Level.WRONG, f"{part.health} does not answer: {error}", advice)
