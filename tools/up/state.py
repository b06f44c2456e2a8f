"""The state folder of `matinee up`: used by one run at a time, and wiped only if it is Matinee's."""

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

WIPE_MARKER = "wiping"
"""Present during a wipe; a start that finds it finishes the wipe."""

PROGRAMS = "programs.json"
"""The running programs: name, role, process id, addresses (`tools.up.programs`)."""

OUTAGES = "outages"
"""One empty file for each program that `matinee outage` holds down."""

KNOWN_ENTRIES = frozenset(
    {LOCK, WIPE_MARKER, PROGRAMS, OUTAGES, "store", "store-work", "services", "control", "edge1", "edge2", "shield"}
    | {"keys", "logs", "films"}
)
"""All entries that Matinee's programs create there."""

FILMS = "films"
"""The sample film's folder. A wipe keeps the verified real film, so that FRESH=1 downloads nothing."""

_LOCK_WAIT_SECONDS = 1.0
_STOPPING_WAIT_SECONDS = 30.0


def claim_folder(state: Path) -> None:
    """Create the folder if absent. Raises BadSettings if it contains anything that is not Matinee's."""
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        foreign = sorted(entry.name for entry in state.iterdir() if entry.name not in KNOWN_ENTRIES)
    except OSError as error:
        raise BadSettings("state", f"{state} cannot be used: {error.strerror}") from None
    if not foreign:
        private_folder(state)
    if foreign and not (state / LOCK).is_file():
        raise BadSettings(
            "state", f"{state} contains files of others ({', '.join(foreign[:3])}): select another folder"
        )


@contextlib.contextmanager
def hold_lock(state: Path) -> Iterator[LockFile]:
    """Hold the folder's lock; waits for a `matinee up` that is stopping. Raises BadSettings if another one runs."""
    descriptor = os.open(state / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        lock = LockFile(descriptor)
        lock.acquire(state)
        yield lock
    finally:
        os.close(descriptor)


class LockFile:
    """The open lock file, which contains the holder's process id and status."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def acquire(self, state: Path) -> None:
        """Lock it; waits for a holder that was just killed or is stopping. Raises BadSettings."""
        waited = 0.0
        while not self._try_lock():
            pid, _, doing = os.pread(self._descriptor, 64, 0).decode(errors="replace").strip().partition(" ")
            if waited >= (_STOPPING_WAIT_SECONDS if doing == "stopping" else _LOCK_WAIT_SECONDS):
                raise BadSettings(
                    "state",
                    f"another `matinee up` (process {pid or '?'}) uses {state}: stop it, or select another folder",
                )
            time.sleep(0.1)
            waited += 0.1
        self.write_status("running")

    def write_status(self, doing: str) -> None:
        """Write the holder's status: `running` or `stopping`."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()} {doing}\n".encode(), 0)

    def _try_lock(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def wipe(state: Path) -> None:
    """Delete the state in a claimed, locked folder. After a kill in the middle, `finish_wipe` continues."""
    (state / WIPE_MARKER).mkdir(exist_ok=True)
    finish_wipe(state)


def finish_wipe(state: Path) -> None:
    """Finish an interrupted wipe, if there is one. Symbolic links are removed, never followed."""
    wiping = state / WIPE_MARKER
    if not wiping.is_dir():
        return
    for entry in state.iterdir():
        if entry.name == FILMS and entry.is_dir() and not entry.is_symlink():
            for film in entry.iterdir():
                if film.name != FILM_NAME:
                    _remove(film)
        elif entry.name not in (LOCK, WIPE_MARKER):
            _remove(entry)
    shutil.rmtree(wiping)


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink()
