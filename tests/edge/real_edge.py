"""A real edge on a real folder, with a disk that fails on demand, and an origin that says which version it is."""

from __future__ import annotations

import http.client
import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
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


class Origin:
    """Answers every path with `version` and the path, as often as needed to make `size` bytes; counts what it is asked.

    The path's query is nobody's; with `?vary` the answer varies by `X-Kind`.
    """

    def __init__(self, size: int = 120_000) -> None:
        self.version = "v1"
        self.size = size
        self.asked = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.asked += 1
                kind = self.headers.get("X-Kind", "")
                body = f"{outer.version} {self.path} {kind}\n".encode()
                body *= max(1, outer.size // len(body))
                self.send_response(200)
                self.send_header("Cache-Control", "public, max-age=3600")
                if "vary" in self.path:
                    self.send_header("Vary", "X-Kind")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Edge:
    """One `matinee edge` with a cache folder; `fails(calls)` makes its disk fail, `heals` ends that."""

    def __init__(self, folder: Path, origin: Origin, *more: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.cache, self.origin = folder / "cache", origin
        self._folder, self._more = folder, more
        self._flag, self.log = folder / "flag", folder / "log"
        (folder / "site").mkdir()
        (folder / "site" / "sitecustomize.py").write_text(FAULTS)
        self._process: subprocess.Popen[str] | None = None
        self._connections: dict[str, http.client.HTTPConnection] = {}

    def fails(self, calls: str = EVERY) -> None:
        part = self._flag.with_suffix(".part")
        part.write_text(calls)
        part.replace(self._flag)

    def heals(self) -> None:
        self._flag.unlink(missing_ok=True)

    def start(self) -> None:
        """Until it says ready."""
        options = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--upstream", self.origin.url, "--profile"]
        options += ["general", "--tokens", "off", "--geo", "off", "--access-log", "off", "--cache-dir", str(self.cache)]
        faults = {"FAULT_FOLDER": str(self.cache), "FAULT_FLAG": str(self._flag)}
        path = {"PYTHONPATH": str(self._folder / "site"), "PYTHONDONTWRITEBYTECODE": "1"}
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tools.cli", "edge", "--id", "e1", *options, *self._more],
                stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT, env=os.environ | faults | path,
            )  # fmt: skip
        assert self._process.stdout is not None
        said = self._process.stdout.readline().split()
        assert said[:1] == ["ready"], self.log.read_text()
        self._viewers, self._admin = (at.rpartition("/")[2] for at in (said[2], said[4]))

    def kill(self) -> None:
        """kill -9."""
        while self._connections:
            self._connections.popitem()[1].close()
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def restart(self) -> None:
        self.kill()
        self.start()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def gets(self, path: str, **fields: str) -> str:
        """The first line of the body, as all its lines must be."""
        status, _, body = self._ask(self._viewers, "GET", path, None, {"Host": "films.example"} | fields)
        lines = set(body.splitlines())
        assert (status, len(lines)) == (200, 1), body[:300]
        return lines.pop()

    def is_hit(self, path: str, **fields: str) -> bool:
        _, told, _ = self._ask(self._viewers, "GET", path, None, {"Host": "films.example"} | fields)
        return "; hit" in told["Cache-Status"]

    def purges(self, **what: Any) -> tuple[int, dict[str, Any]]:
        status, _, body = self._ask(
            self._admin, "POST", "/purge", json.dumps(what), {"Content-Type": "application/json"}
        )
        return status, json.loads(body)

    def asks(self, path: str) -> dict[str, Any]:
        """One of the admin port's documents."""
        return dict(json.loads(self._ask(self._admin, "GET", path, None, {})[2]))

    def counts(self, name: str) -> float:
        """A counter without labels."""
        text = self._ask(self._admin, "GET", "/metrics", None, {})[2]
        return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(name + " "))

    def _ask(
        self, address: str, method: str, path: str, body: str | None, fields: dict[str, str]
    ) -> tuple[int, http.client.HTTPMessage, str]:
        host, _, port = address.partition(":")
        connection = self._connections.get(address)
        if connection is None:
            connection = self._connections[address] = http.client.HTTPConnection(host, int(port), timeout=30)
        connection.request(method, path, body, fields)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
