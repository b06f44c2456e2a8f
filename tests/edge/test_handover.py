"""A restart: the successor has the same ports and the same folder at once, while a long response runs to its end."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.edge.process import Upstream, edge_process, everything, until

LONG = 2_000_000


def test_a_successor_serves_hits_while_its_predecessor_drains(tmp_path: Path) -> None:
    """It was refused the folder, and viewers were refused, until the last response had ended."""
    settings = {"cache_dir": tmp_path / "cache", "disk": "64MiB", "drain": "60s"}
    with Upstream() as upstream, edge_process(tmp_path, upstream.port, **settings) as first:
        assert b"fwd=uri-miss" in first.gets("/a")
        until(lambda: first.stats()["disk_bytes"] > 0)
        long = first.connect()
        long.sendall(f"GET /long/{LONG} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        got = long.recv(65536)
        idle = first.connect()
        first.process.send_signal(signal.SIGTERM)
        same = {name: f"{host}:{port}" for name, (host, port) in (("listen", first.address), ("admin", first.admin))}
        with edge_process(tmp_path, upstream.port, name="successor", **settings, **same) as second:
            assert first.process.poll() is None
            assert b"e; hit" in second.gets("/a")
            assert b"fwd=uri-miss" in second.gets("/b")
            until(lambda: second.stats()["disk_bytes"] > 4096)
            upstream.gate.set()
            got += everything(long)
            assert len(got.partition(b"\r\n\r\n")[2]) == LONG
            assert first.process.wait(30) == 0
            assert b"e; hit" in second.gets("/b")
            second.process.kill()
            second.process.wait()
        idle.close()
        with edge_process(tmp_path, upstream.port, name="third", **settings) as third:  # neither wrote into the other's
            assert third.stats()["objects"] == 2
            assert b"e; hit" in third.gets("/a")
            assert b"e; hit" in third.gets("/b")
        assert [path for _, path in upstream.heads] == ["/a", f"/long/{LONG}", "/b"]
        assert all(line["level"] != "error" for line in first.lines())
