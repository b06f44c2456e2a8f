"""The folder that `matinee up` keeps its state in: one user at a time, recognised as ours, wiped only when it is."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from kernel.errors import BadSettings
from system.private_files import private_folder
from tools.up.sample_film import FILM_NAME

LOCK = "up.lock"
"""Held (flock) while `up` runs; its presence marks the folder as Matinee's."""

WIPING = "wiping"
"""What is being thrown away; a start that finds it finishes the work."""

PROGRAMS = "programs.json"
"""The running programs: name, role, process id, addresses (`tools.up.programs`)."""

OUTAGES = "outages"
"""One empty file for each program that `matinee outage` holds down."""

KNOWN = frozenset(
    {LOCK, WIPING, PROGRAMS, OUTAGES, "store", "store-work", "services", "control", "edge1", "edge2", "shield"}
    | {"keys", "logs", "films"}
)
"""All that Matinee's programs put there."""

FILMS = "films"
"""Where the sample film lies. A wipe keeps the real one, whose hash is checked: starting anew fetches nothing."""

_LOCK_WAIT_SECONDS = 1.0
_STOPPING_WAIT_SECONDS = 30.0


def claim(state: Path) -> None:
    """Make the folder if need be; BadSettings when it holds anything that is not Matinee's."""
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        foreign = sorted(entry.name for entry in state.iterdir() if entry.name not in KNOWN)
    except OSError as error:
        raise BadSettings("state", f"{state} cannot be used: {error.strerror}") from None
    if not foreign:
        private_folder(state)
    if foreign and not (state / LOCK).is_file():
        raise BadSettings(
            "state", f"{state} holds what is not Matinee's ({', '.join(foreign[:3])}); choose another folder"
        )


@contextlib.contextmanager
def held(state: Path) -> Iterator[LockFile]:
    """Hold the folder's lock; BadSettings when another `matinee up` has it (one that is stopping is waited for)."""
    descriptor = os.open(state / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        lock = LockFile(descriptor)
        lock.take(state)
        yield lock
    finally:
        os.close(descriptor)


class LockFile:
    """The open lock file: whoever holds it has its process id and what it does written inside."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def take(self, state: Path) -> None:
        """Lock it, waiting for a holder that was just killed or says that it is stopping."""
        waited = 0.0
        while not self._try():
            pid, _, doing = os.pread(self._descriptor, 64, 0).decode(errors="replace").strip().partition(" ")
            if waited >= (_STOPPING_WAIT_SECONDS if doing == "stopping" else _LOCK_WAIT_SECONDS):
                raise BadSettings(
                    "state",
                    f"another `matinee up` (process {pid or '?'}) runs on {state}; stop it or choose another folder",
                )
            time.sleep(0.1)
            waited += 0.1
        self.note("running")

    def note(self, doing: str) -> None:
        """Write what the holder does now: `running` or `stopping`."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()} {doing}\n".encode(), 0)

    def _try(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def wipe(state: Path) -> None:
    """Throw away the state in a claimed, locked folder; a kill in the middle leaves a mark that `finish_wipe` sees."""
    (state / WIPING).mkdir(exist_ok=True)
    finish_wipe(state)


def finish_wipe(state: Path) -> None:
    """Go through with a wipe that was begun; nothing happens when none was. Links are removed, never followed."""
    wiping = state / WIPING
    if not wiping.is_dir():
        return
    for entry in state.iterdir():
        if entry.name == FILMS and entry.is_dir() and not entry.is_symlink():
            for film in entry.iterdir():
                if film.name != FILM_NAME:
                    _remove(film)
        elif entry.name not in (LOCK, WIPING):
            _remove(entry)
    shutil.rmtree(wiping)


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink()
