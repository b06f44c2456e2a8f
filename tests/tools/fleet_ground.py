"""A control plane of canned answers, in a thread: what `matinee fleet` asks it, and what it makes of the answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tools import cli

KEY = "an-operators-key"


class Canned:
    """Answers by `METHOD /path`; what was asked, in order: (method, path with query, body)."""

    def __init__(self, folder: Path) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, str, Any]] = []
        self.port = 0
        self.key_file = folder / "api-key"
        self.key_file.write_text(KEY)
        self.key_file.chmod(0o600)

    def run(self, *argv: str) -> int:
        """`matinee fleet …` against it."""
        where = ["--api", f"http://127.0.0.1:{self.port}", "--api-key-file", str(self.key_file)]
        return cli.main(["fleet", *argv, *where])


@contextmanager
def canned(folder: Path) -> Iterator[Canned]:
    control = Canned(folder)

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            control.asked.append((self.command, self.path, json.loads(body) if body else None))
            found = control.answers.get(f"{self.command} {self.path.partition('?')[0]}")
            if self.headers["Authorization"] != f"Bearer {KEY}":
                found = (401, {"reason": "api-key", "detail": "whose key is that?"})
            elif found is None:
                found = (404, {"reason": "not-found", "detail": f"no canned answer to {self.path}"})
            status, said = found if isinstance(found, tuple) else (200, found)
            data = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 (http.server calls them so)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    control.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield control
    finally:
        server.shutdown()
        server.server_close()


EDGE = {
    "id": "e1", "role": "edge", "region": "eu", "pop": "fra", "address": "127.0.0.1:8081", "admin": "127.0.0.1:9081",
    "connected": True, "drained": None, "lastSeen": "2026-11-22T20:00:00+00:00", "acked": {"rules": 7},
    "applied": {"rules": 6}, "errors": {}, "reportAge": 0.5,
    "report": {
        "seconds": 2.0, "requests": 2000, "hits": 1900, "errors": 10, "bytesSent": 250_000_000, "bytesFilled": 0,
        "connections": 42, "loopDelay": 0.004, "slow": 0.05, "ramBytes": 1, "diskBytes": 1, "ready": True,
        "draining": False,
    },
}  # fmt: skip
