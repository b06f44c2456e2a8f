"""A real edge on a real folder, whose disk fails on demand."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.doubles.response import Response, read_responses
from tests.edge.process import SECONDS, EdgeProcess, edge_process

FAULTS = """
import builtins, errno, io, os
FOLDER, FLAG = os.environ["FAULT_FOLDER"], os.environ["FAULT_FLAG"]
exists, readlink = os.path.exists, os.readlink

def within(what):
    try:
        path = readlink(f"/proc/self/fd/{what}") if isinstance(what, int) else os.fspath(what)
    except (OSError, TypeError):
        return False
    return str(path).startswith(FOLDER)

def failing(module, name):
    real = getattr(module, name)
    def call(what, *more, **named):
        if exists(FLAG) and name in open_(FLAG).read().split() and within(what):
            raise OSError(errno.EIO, "Input/output error")
        return real(what, *more, **named)
    setattr(module, name, call)

open_ = builtins.open
for name in ("open", "write", "writev", "pread", "preadv", "unlink", "rename", "replace", "truncate", "ftruncate",
             "fsync", "fdatasync", "mkdir", "scandir", "utime", "link"):
    failing(os, name)
real_open = io.open
def opening(what, *more, **named):
    if exists(FLAG) and "open" in open_(FLAG).read().split() and within(what):
        raise OSError(errno.EIO, "Input/output error")
    return real_open(what, *more, **named)
io.open = opening
"""
"""A `sitecustomize`: calls of the system that the flag file names fail below the folder, as a dying disk's."""
EVERY = (
    "open write writev pread preadv unlink rename replace truncate ftruncate fsync fdatasync mkdir scandir utime link"
)


class FailingDisk:
    """The disk below `folder`, in every process that has its `environment`; `aside` keeps what makes it fail."""

    def __init__(self, folder: Path, aside: Path) -> None:
        self._flag = aside / "flag"
        site = aside / "site"
        site.mkdir(parents=True)
        (site / "sitecustomize.py").write_text(FAULTS)
        self.environment = os.environ | {
            "FAULT_FOLDER": str(folder), "FAULT_FLAG": str(self._flag), "PYTHONPATH": f"{site}",
            "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip

    def fails(self, calls: str = EVERY) -> None:
        part = self._flag.with_suffix(".part")
        part.write_text(calls)
        part.replace(self._flag)

    def heals(self) -> None:
        self._flag.unlink(missing_ok=True)


class EdgeOnDisk:
    """An edge with a cache folder on a `FailingDisk`, started and killed at will."""

    def __init__(self, folder: Path, upstream: int, **settings: Any) -> None:
        self.cache = folder / "cache"
        self.disk = FailingDisk(self.cache, folder / "aside")
        self._folder, self._upstream, self._settings = folder, upstream, settings
        self._running = contextlib.ExitStack()
        self.process: EdgeProcess

    @property
    def log(self) -> Path:
        return self.process.log

    def start(self) -> None:
        """Until it says ready."""
        given = {"cache_dir": self.cache, "geo": "off", "access_log": "off"} | self._settings
        running = edge_process(self._folder, self._upstream, environment=self.disk.environment, **given)
        self.process = self._running.enter_context(running)

    def kill(self) -> None:
        """kill -9."""
        self._running.close()

    def restart(self) -> None:
        self.kill()
        self.start()

    def gets(self, path: str, **fields: str) -> str:
        """The first line of the body, as all its lines must be."""
        response = self._asks(path, fields)
        lines = set(response.body.decode().splitlines())
        assert (response.status, len(lines)) == (200, 1), response.body[:300]
        return lines.pop()

    def is_hit(self, path: str, **fields: str) -> bool:
        return "; hit" in self._asks(path, fields).cache_status

    def _asks(self, path: str, fields: dict[str, str]) -> Response:
        more = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return read_responses(self.process.gets(path, more, host="films.example"))[0]

    def purges(self, **what: Any) -> tuple[int, dict[str, Any]]:
        url = f"http://{self.process.admin[0]}:{self.process.admin[1]}/purge"
        request = Request(url, json.dumps(what).encode(), {"Content-Type": "application/json"})
        try:
            with urlopen(request, timeout=SECONDS) as answer:
                return answer.status, json.loads(answer.read())
        except HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def asks(self, path: str) -> dict[str, Any]:
        """One of the admin port's documents, whatever its status."""
        try:
            return dict(json.loads(self.process.asks_admin(path)))
        except HTTPError as error:
            with error:
                return dict(json.loads(error.read()))
