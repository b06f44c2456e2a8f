"""A real control: what is changed in its audit log behind its back is found by `matinee fleet audit --verify`."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

WITHIN = 60


class Control:
    """`matinee control` over an SQLite file, and the commands of an operator beside it."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "control"
        self.environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
        self.process: subprocess.Popen[str] | None = None
        self.rest = ""

    def start(self) -> None:
        self.process = subprocess.Popen(
            [*self._command, "control", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data", str(self.data)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=self.environment,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.rest = self.process.stdout.readline().split()[3]

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.communicate(timeout=WITHIN)

    def put(self, name: str) -> None:
        key = (self.data / "api-key").read_text().strip()
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        with urlopen(Request(f"{self.rest}/v1/titles/{name}", b"{}", headers, method="PUT"), timeout=WITHIN) as answer:
            assert answer.status == 200

    def sql(self, statement: str) -> None:
        with contextlib.closing(sqlite3.connect(self.data / "control.sqlite3")) as connection, connection:
            connection.execute(statement)

    def verified(self) -> tuple[int, list[int]]:
        """The exit code, and the numbers of the rows that are told of."""
        where = ["--api", self.rest, "--api-key-file", str(self.data / "api-key"), "--json"]
        done = subprocess.run(
            [*self._command, "fleet", "audit", "--verify", *where],
            capture_output=True, text=True, timeout=WITHIN, env=self.environment, check=False,
        )  # fmt: skip
        return done.returncode, [one["seq"] for one in json.loads(done.stdout)["broken"]]

    @property
    def _command(self) -> list[str]:
        return [sys.executable, "-P", "-m", "tools.cli"]


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    made = Control(tmp_path)
    made.start()
    for number in range(5):
        made.put(f"film-{number}")
    yield made
    assert made.process is not None
    made.process.kill()
    made.process.communicate()


def _last(control: Control) -> int:
    with contextlib.closing(sqlite3.connect(control.data / "control.sqlite3")) as connection:
        return int(connection.execute("SELECT max(seq) FROM audit").fetchone()[0])


TAMPERING: dict[str, tuple[str, Callable[[int], list[int]]]] = {
    "the oldest row is changed": ("UPDATE audit SET actor = 'eve' WHERE seq = 1", lambda _: [1]),
    "a purge is made to look like another's": ("UPDATE audit SET peer = '192.0.2.9' WHERE seq = 3", lambda _: [3]),
    "the beginning is cut off": ("DELETE FROM audit WHERE seq <= 2", lambda _: [1]),
    "a row in the middle is taken out": ("DELETE FROM audit WHERE seq = 4", lambda _: [4]),
    "the end is cut off": ("DELETE FROM audit WHERE seq > {last} - 2", lambda last: [last - 1]),
    "the head is changed": ("UPDATE audit_head SET last = last - 1", lambda last: [last - 1]),
}


@pytest.mark.parametrize("what", TAMPERING)
def test_what_is_changed_behind_controls_back_is_found(control: Control, what: str) -> None:
    """`fleet audit` used to look at the page that it showed, by hashes that anybody could make anew."""
    assert control.verified() == (0, [])
    statement, expected = TAMPERING[what]
    last = _last(control)
    control.sql(statement.format(last=last))
    assert control.verified() == (1, expected(last))
    control.put("film-9")  # changes go on
    assert control.verified()[0] == 1


def test_an_old_copy_of_log_and_head_put_back_is_found(control: Control) -> None:
    control.stop()
    copy = (control.data / "control.sqlite3").read_bytes()
    control.start()
    last = _last(control)
    control.put("film-8")
    control.stop()
    for name in ("control.sqlite3-wal", "control.sqlite3-shm"):
        (control.data / name).unlink(missing_ok=True)
    (control.data / "control.sqlite3").write_bytes(copy)
    control.start()
    assert control.verified() == (1, [last + 1])
    control.put("film-7")
    assert control.verified()[0] == 1
