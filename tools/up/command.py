"""`matinee up`: the whole platform on this machine, with a sample film.

Makes the keys, takes the sample film through ingest, starts every program, checks that all of it answers, and
supervises until Ctrl-C. State lies in one folder; a kill at any moment leaves one that the next start takes up.
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
from tools.up.check import Checker
from tools.up.enrol import invite_members
from tools.up.film import Chosen, choose, ingest, write_metadata
from tools.up.keys import ensure_keys
from tools.up.output import addresses, say
from tools.up.plan import KID, PORTS_ABOVE, Choices, Part, Places, ingest_arguments, parts, waves
from tools.up.ports import check_ports
from tools.up.programs import ProgramsFile
from tools.up.state import FILMS, LockFile, claim, finish_wipe, held, wipe
from tools.up.supervise import Program, Supervisor
from tools.up.supervise_child import die_with_parent

_ANSWERS_SECONDS = 30.0


@dataclass(frozen=True)
class UpSettings:
    """`matinee up`."""

    port: int = setting(
        INTEGER,
        "8080",
        "Port of the pages; the other programs use the ports above it.",
        least=1,
        most=65535 - PORTS_ABOVE,
    )
    fresh: bool = setting(SWITCH, "off", "Discard the state first.")
    state: Path = setting(PATH, ".matinee", "Folder of all state.")
    film: Path | None = setting(PATH, None, "Film to show in place of the sample film.")
    default_country: str = setting(COUNTRY, "DE", "Country of viewers whose address has none, as on loopback.")
    geo: Path | None = setting(PATH_OR_OFF, "off", "An .mmdb file that maps viewers' addresses to countries, or off.")
    drain: float = setting(
        DURATION, "5s", "How long running responses may take to finish at a stop.", least=0, most=300
    )
    ready_within: float = setting(DURATION, "60s", "How long a program may take to start.", least=1, most=3600)
    with_parent: bool = setting(SWITCH, "off", "Stop when the process that started this one ends (`make up` sets it).")


SETTINGS = UpSettings


def run(settings: UpSettings) -> int:
    """Run until asked to stop; 0 then. Raises BadSettings or another MatineeError when it cannot come up."""
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
    choices = Choices(Places(settings.port), state, settings.default_country, geo, settings.drain)
    claim(state)
    with held(state) as lock:
        check_ports(parts(choices))
        finish_wipe(state)
        if settings.fresh:
            say(f"Starting anew: {state} is emptied")
            wipe(state)
        ensure_keys(choices.key, choices.key_set, KID)
        film = choose(settings.film, state / FILMS, say)
        return asyncio.run(_Platform(choices, settings.ready_within, lock).run(film))


class _Platform:
    """One run of the whole: up, checked, shown, kept until a signal asks it to stop."""

    def __init__(self, choices: Choices, ready_within: float, lock: LockFile) -> None:
        self._choices = choices
        self._ready_within = ready_within
        self._lock = lock
        programs = ProgramsFile(choices)
        programs.clear_outages()
        self._supervisor = Supervisor(
            say, drain=choices.drain, on_pids=programs.write, is_held_down=programs.is_held_down
        )
        self._asked_to_stop = False

    async def run(self, film: Chosen) -> int:
        """Until a signal; 0. A MatineeError when something does not come up (all is stopped then)."""
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
            say("Killing what still runs")
            self._supervisor.kill()
            return
        self._asked_to_stop = True
        self._lock.note("stopping")
        say("\nStopping (once more kills)")
        me.cancel()

    async def _come_up(self, film: Chosen) -> None:
        *before, last = waves(self._choices)
        content_id = await self._ingest_beside(film, before)
        await self._start(last)
        async with aiohttp.ClientSession(auto_decompress=True) as session:
            checker = Checker(session, within=_ANSWERS_SECONDS)
            await checker.healthy((part.name, part.health) for part in parts(self._choices))
            await checker.plays(self._choices.places.page, content_id)
        say(addresses(self._choices, content_id, film.title))
        say(f"Matinee is up: {self._choices.places.page}/")

    async def _ingest_beside(self, film: Chosen, first: Sequence[Sequence[Part]]) -> str:
        """Ingest while the first programs start: they need no film to be there yet."""
        metadata = write_metadata(film, self._choices.state / FILMS)
        arguments = ingest_arguments(self._choices, film.path, film.title, metadata)
        say(f"Film: {film.title} ({film.path.name})")
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

    async def _start_fleet(self, first: Sequence[Sequence[Part]]) -> None:
        """The programs that need no film; the nodes among them, and those that come later, may join control."""
        control, *others = first
        await self._start(control)
        joining = await invite_members(self._choices, time.time())  # noqa: TID251 (a shell: certificates are told by the wall clock)
        if joining:
            say(f"Joining the fleet: {', '.join(joining)}")
        for wave in others:
            await self._start(wave)

    async def _start(self, wave: Sequence[Part]) -> None:
        names = ", ".join(part.name for part in wave)
        logs = self._choices.state / "logs"
        programs = [Program(part.name, child_argv(part.arguments), logs / f"{part.name}.log") for part in wave]
        await self._supervisor.start(programs, within=self._ready_within)
        say(f"Ready: {names}")


def child_argv(arguments: Sequence[str]) -> tuple[str, ...]:
    """The whole argv of a `matinee` command whose life is bound to ours."""
    return (sys.executable, "-P", "-m", "tools.up.supervise_child", str(os.getpid()), *arguments)


def _first(errors: ExceptionGroup[MatineeError]) -> Exception:
    found: Exception = errors
    while isinstance(found, ExceptionGroup):
        found = found.exceptions[0]
    return found
