"""`matinee up`: run the whole platform on this machine, with a sample film.

Creates the keys, ingests the sample film, starts all programs, checks that they work, and supervises them until Ctrl-C.
All state is in one folder; after a kill at any moment the next start continues with it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from kernel.errors import BadSettings, MatineeError
from kernel.settings.table import COUNTRY, DURATION, INTEGER, PATH, PATH_OR_OFF, SWITCH, setting
from tools.up.check import PlatformCheck
from tools.up.enrol import enrol_members
from tools.up.film import SelectedFilm, ingest, select_film, write_metadata
from tools.up.keys import ensure_keys
from tools.up.output import address_tables, say
from tools.up.plan import (
    KID,
    PORTS_ABOVE,
    REGIONS,
    Addresses,
    Plan,
    PlannedProgram,
    all_programs,
    ingest_arguments,
    waves,
)
from tools.up.ports import check_ports
from tools.up.programs import ProgramsFile
from tools.up.state import FILMS, LockFile, claim_folder, finish_wipe, hold_lock, wipe
from tools.up.supervise import Program, Supervisor
from tools.up.supervise_child import die_with_parent

_ANSWERS_SECONDS = 30.0


@dataclass(frozen=True)
class UpSettings:
    """`matinee up`."""

    port: int = setting(
        INTEGER,
        "8080",
        "Port of the viewers' page; the other programs use ports above it.",
        least=1,
        most=65535 - PORTS_ABOVE,
    )
    fresh: bool = setting(SWITCH, "off", "Delete the state first.")
    state: Path = setting(PATH, ".matinee", "Folder of all state.")
    film: Path | None = setting(PATH, None, "Film to ingest instead of the sample film.")
    default_country: str = setting(
        COUNTRY, "DE", "Country of viewers whose address has no known country, such as 127.0.0.1."
    )
    geo: Path | None = setting(PATH_OR_OFF, "off", "An .mmdb file that maps viewers' addresses to countries, or off.")
    regions: int = setting(
        INTEGER,
        "1",
        "Regions, each with two edges; viewers of this machine are in the first one.",
        least=1,
        most=len(REGIONS),
    )
    drain: float = setting(
        DURATION, "5s", "How long running responses may take to finish at a stop.", least=0, most=300
    )
    ready_within: float = setting(DURATION, "60s", "How long a program may take to start.", least=1, most=3600)
    with_parent: bool = setting(SWITCH, "off", "Stop when the process that started this one ends (`make up` sets it).")


SETTINGS = UpSettings


def run(settings: UpSettings) -> int:
    """Run until stopped; returns 0. Raises BadSettings or another MatineeError if the platform cannot start."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # until the event loop takes the signals over
    if settings.with_parent and not die_with_parent(os.getppid(), signal.SIGTERM):
        return 0
    try:
        return _run(settings)
    except KeyboardInterrupt:
        say("Stopped.")
        return 0


def _run(settings: UpSettings) -> int:
    state = settings.state.absolute()
    if settings.geo is not None and not settings.geo.is_file():
        raise BadSettings("geo", f"there is no file {settings.geo}")
    geo = settings.geo.absolute() if settings.geo else None
    plan = Plan(Addresses(settings.port), state, settings.default_country, geo, settings.drain, settings.regions)
    claim_folder(state)
    with hold_lock(state) as lock:
        check_ports(all_programs(plan))
        finish_wipe(state)
        if settings.fresh:
            say(f"Deleting the state in {state}")
            wipe(state)
        ensure_keys(plan.key, plan.key_set, KID)
        film = select_film(settings.film, state / FILMS, say)
        return asyncio.run(_Platform(plan, settings.ready_within, lock).run(film))


class _Platform:
    """One run of the platform: start it, check it, print its addresses, supervise it until a signal."""

    def __init__(self, plan: Plan, ready_within: float, lock: LockFile) -> None:
        self._plan = plan
        self._ready_within = ready_within
        self._lock = lock
        programs = ProgramsFile(plan)
        programs.clear_outages()
        self._supervisor = Supervisor(say, drain=plan.drain, on_pids=programs.write, is_held_down=programs.is_held_down)
        self._asked_to_stop = False

    async def run(self, film: SelectedFilm) -> int:
        """Run until a signal; returns 0. Stops everything and raises MatineeError if anything fails to start."""
        me = asyncio.current_task()
        assert me is not None  # noqa: S101 (a coroutine runs in a task)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self._stop, me)
        try:
            async with self._supervisor:
                await self._come_up(film)
                await asyncio.Event().wait()  # until cancelled by a signal
        except asyncio.CancelledError:
            if not self._asked_to_stop:
                raise
            me.uncancel()
        say("Stopped.")
        return 0

    def _stop(self, me: asyncio.Task[int]) -> None:
        if self._asked_to_stop:
            say("Killing the remaining programs")
            self._supervisor.kill()
            return
        self._asked_to_stop = True
        self._lock.write_status("stopping")
        say("\nStopping; press Ctrl-C again to kill")
        me.cancel()

    async def _come_up(self, film: SelectedFilm) -> None:
        *before, last = waves(self._plan)
        content_id = await self._ingest_during_start(film, before)
        await self._start(last)
        async with aiohttp.ClientSession(auto_decompress=True) as session:
            checker = PlatformCheck(session, within=_ANSWERS_SECONDS)
            await checker.check_health((program.name, program.health) for program in all_programs(self._plan))
            await checker.check_playback(self._plan.addresses.page, content_id)
        say(address_tables(self._plan, content_id, film.title))
        say(f"Matinee is up: {self._plan.addresses.page}/")

    async def _ingest_during_start(self, film: SelectedFilm, first: Sequence[Sequence[PlannedProgram]]) -> str:
        """Ingest the film while the programs start that do not need it."""
        metadata = write_metadata(film, self._plan.state / FILMS)
        arguments = ingest_arguments(self._plan, film.path, film.title, metadata)
        say(f"Ingesting {film.title} ({film.path.name})")
        try:
            async with asyncio.TaskGroup() as together:
                together.create_task(self._start_fleet(first))
                ingested = together.create_task(ingest(child_argv(arguments)))
        except ExceptionGroup as group:
            ours, bugs = group.split(MatineeError)
            if ours is None or bugs is not None:
                raise
            raise _first(ours) from None
        return ingested.result()

    async def _start_fleet(self, first: Sequence[Sequence[PlannedProgram]]) -> None:
        """Start the programs that need no film; once control runs, create the nodes' enrolment tokens."""
        control, *others = first
        await self._start(control)
        joining = await enrol_members(self._plan, time.time())  # noqa: TID251 (a shell: certificates use the wall clock)
        if joining:
            say(f"Enrolling in the fleet: {', '.join(joining)}")
        for wave in others:
            await self._start(wave)

    async def _start(self, wave: Sequence[PlannedProgram]) -> None:
        names = ", ".join(program.name for program in wave)
        logs = self._plan.state / "logs"
        programs = [
            Program(program.name, child_argv(program.arguments), logs / f"{program.name}.log") for program in wave
        ]
        await self._supervisor.start(programs, within=self._ready_within)
        say(f"Started {names}")


def child_argv(arguments: Sequence[str]) -> tuple[str, ...]:
    """The argv of a `matinee` command that ends when this process ends."""
    return (sys.executable, "-P", "-m", "tools.up.supervise_child", str(os.getpid()), *arguments)


def _first(errors: ExceptionGroup[MatineeError]) -> Exception:
    found: Exception = errors
    while isinstance(found, ExceptionGroup):
        found = found.exceptions[0]
    return found
