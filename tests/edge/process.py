"""A real edge process, asked with raw bytes, and an upstream in a thread."""

from __future__ import annotations

import contextlib
import hashlib
import json
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 30.0
"""Bound of every wait: a test that needs it has failed."""


def until(condition: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """Poll until the condition holds; what it returned."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come about"
        select.select([], [], [], 0.02)
    return found


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        upstream = self.server.upstream
        upstream.heads.append(("GET", self.path))
        if upstream.answer is not None:
            upstream.answer(self)
        elif self.path.startswith("/long/"):
            self._long(int(self.path.rpartition("/")[2]))
        else:
            self._says(f"<{self.path}>".encode())

    def _begins(self, length: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.send_header("Cache-Control", "max-age=3600")
        self.end_headers()

    def _says(self, body: bytes) -> None:
        self._begins(len(body))
        self.wfile.write(body)

    def _long(self, length: int) -> None:
        self._begins(length)
        self.wfile.write(bytes(length // 2))
        self.wfile.flush()
        self.server.upstream.gate.wait(SECONDS)
        self.wfile.write(bytes(length - length // 2))

    def do_POST(self) -> None:
        upstream = self.server.upstream
        upstream.heads.append(("POST", self.path))
        upstream.reads.wait(SECONDS)
        sums, size = hashlib.sha256(), 0
        for piece in self._body():
            sums.update(piece)
            size += len(piece)
        upstream.taken.append((size, sums.hexdigest()))
        self._says(b"taken %d" % size)

    def _body(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding") == "chunked":
            while length := int(self.rfile.readline().split(b";")[0], 16):
                yield self.rfile.read(length)
                self.rfile.readline()
            self.rfile.readline()
            return
        left = int(self.headers["Content-Length"])
        while left:
            piece = self.rfile.read(min(left, 65536))
            if not piece:
                raise ConnectionAbortedError
            left -= len(piece)
            yield piece

    def log_message(self, *_: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True
    upstream: Upstream

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)  # else the kernel takes megabytes
        super().server_bind()

    def handle_error(self, *_: Any) -> None:
        pass


class Upstream:
    """Answers every GET with its path and takes every body: `taken` has bytes and SHA-256 of each that came whole.

    `/long/N` answers N bytes: the first half at once, the rest when `gate` is opened. While `reads` is not set no body
    is read. With `answer`, that writes the answer to every GET in place of all this.
    """

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler], None] | None = None) -> None:
        self.answer = answer
        self.taken: list[tuple[int, str]] = []
        self.heads: list[tuple[str, str]] = []
        self.gate, self.reads = threading.Event(), threading.Event()
        self.reads.set()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.upstream = self
        self.port = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.gate.set()
        self.reads.set()
        self._server.shutdown()
        self._server.server_close()


class EdgeProcess:
    """One edge, from its ready line on."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], 3 * SECONDS)  # it imports a lot, on a busy machine
        self.ready_line = process.stdout.readline().decode() if ready else ""
        line = self.ready_line.split()
        assert line[:1] == ["ready"], f"not ready: {line} {log.read_text()}"
        self.address = _address(line[2])
        self.admin = _address(line[4])

    def next_line(self, seconds: float) -> str:
        """The next line on its standard output, which a successor shares."""
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], seconds)[0], self.log.read_text()
        return self.process.stdout.readline().decode()

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=SECONDS)

    def gets(self, path: str = "/a", more: str = "", host: str = "h") -> bytes:
        """The whole of what is answered to one request."""
        with self.connect() as sock:
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n".encode())
            return everything(sock)

    def asks_admin(self, path: str) -> bytes:
        with urlopen(f"http://{self.admin[0]}:{self.admin[1]}{path}", timeout=SECONDS) as answer:
            return answer.read()  # type: ignore[no-any-return]

    def asks_admin_to(self, path: str, document: object) -> Any:
        """What the admin port answers to a POST."""
        asked = Request(f"http://{self.admin[0]}:{self.admin[1]}{path}", json.dumps(document).encode())
        asked.add_header("Content-Type", "application/json")
        with urlopen(asked, timeout=SECONDS) as answer:
            return json.loads(answer.read())

    def refusal_of(self, path: str) -> Any:
        """The problem document that the admin port answers to an empty POST."""
        asked = Request(f"http://{self.admin[0]}:{self.admin[1]}{path}", b"{}", {"Content-Type": "application/json"})
        with pytest.raises(HTTPError) as refused:
            urlopen(asked, timeout=SECONDS)
        return json.load(refused.value)

    def is_ready(self) -> bool:
        """Whether the admin port says so."""
        try:
            self.asks_admin("/readyz")
        except OSError:
            return False
        return True

    def stats(self) -> dict[str, int]:
        return json.loads(self.asks_admin("/stats"))  # type: ignore[no-any-return]

    def metric(self, name: str) -> float:
        """A row of /metrics with its labels as they stand there; 0 while there is none."""
        for line in self.asks_admin("/metrics").decode().splitlines():
            if line.rpartition(" ")[0] == name:
                return float(line.rpartition(" ")[2])
        return 0.0

    def lines(self) -> list[dict[str, Any]]:
        """What it has logged, each line a JSON object."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def rss(self) -> int:
        """Bytes of memory it holds now."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * resource.getpagesize()

    def ends(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(SECONDS)


def _address(url: str) -> tuple[str, int]:
    host, _, port = url.partition("//")[2].rpartition(":")
    return host, int(port)


def everything(sock: socket.socket) -> bytes:
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := sock.recv(1 << 20):
            data += piece
    return data


@contextlib.contextmanager
def edge_process(
    folder: Path,
    upstream: int,
    *,
    descriptors: int | None = None,
    program: str = "edge",
    name: str = "e",
    environment: dict[str, str] | None = None,
    **settings: Any,
) -> Iterator[EdgeProcess]:
    """An edge on free ports; `descriptors`: as many as it may have."""
    given = {
        "id": "e", "listen": "127.0.0.1:0", "admin": "127.0.0.1:0", "ram": "16MiB", "tokens": "off",
        "profile": "general", "upstream": f"http://127.0.0.1:{upstream}",
    } | settings  # fmt: skip
    argv = [sys.executable, "-P", "-m", "tools.cli", program]
    for key, value in given.items():
        argv += ["--" + key.replace("_", "-"), str(value)]
    if descriptors is not None:
        argv = ["/bin/sh", "-c", f'ulimit -n {descriptors} && exec "$@"', "sh", *argv]
    log = folder / f"{name}.log"
    with log.open("ab") as errors:
        process = subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors)
    try:
        yield EdgeProcess(process, log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
