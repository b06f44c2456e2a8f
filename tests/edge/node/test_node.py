"""A node of several processes serves as one. The tests share it, each with objects of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edge.node.node_process import Node, node_process, until
from tests.edge.process import ROOT, Upstream


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as made:
        yield made


@pytest.fixture(scope="module")
def node(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    folder: Path = tmp_path_factory.mktemp("node")
    (folder / "edge.toml").write_text("")
    settings = {"cache_dir": folder / "cache", "disk": "64MiB", "access_log": folder / "access.log"}
    with node_process(folder, upstream.port, workers=2, config=folder / "edge.toml", **settings) as made:
        made.folder = folder
        yield made


def fetches(upstream: Upstream, path: str) -> int:
    return sum(asked == path for _, asked in upstream.heads)


def test_an_object_is_filled_once_whichever_process_was_asked(upstream: Upstream, node: Node) -> None:
    owner, worker = node.talks()
    head, body = worker.gets("/a")
    assert b"e; fwd=uri-miss; stored" in head
    assert body == b"</a>"
    assert b"e; hit" in owner.gets("/a")[0]
    until(lambda: b"e; hit" in worker.gets("/a")[0])
    assert worker.gets("/a", "Range: bytes=1-2\r\n")[1] == b"/a"
    head, body = worker.gets("/b", "Range: bytes=1-2\r\n")
    assert head.split(b"\r\n")[0].split()[1] == b"206"
    assert body == b"/b"
    assert b"content-length: 4" in worker.gets("/b", method="HEAD")[0].lower()
    assert (fetches(upstream, "/a"), fetches(upstream, "/b")) == (1, 1)


def test_a_worker_serves_hits_without_the_owner(node: Node) -> None:
    """The owner is stopped: whatever asked it would wait."""
    _, worker = node.talks()
    worker.gets("/alone")
    until(lambda: node.edge.stats()["disk_bytes"] > 0)
    worker.gets("/alone")
    until(lambda: b"e; hit" in worker.gets("/alone")[0])
    owner = node.owner
    os.kill(owner, signal.SIGSTOP)
    try:
        assert b"e; hit" in worker.gets("/alone")[0]
    finally:
        os.kill(owner, signal.SIGCONT)


def test_figures_are_those_of_all_processes(node: Node) -> None:
    owner, worker = node.talks()
    worker.gets("/counted")
    before = node.edge.stats()
    for _ in range(3):
        owner.gets("/counted")
        worker.gets("/counted")
    after = node.edge.stats()
    assert after["requests"] - before["requests"] == 6
    assert after["hits"] - before["hits"] == 6
    assert after["connections"] >= 2
    assert node.edge.metric('matinee_edge_outcomes_total{outcome="hit"}') == after["hits"]


def test_connections_are_spread_and_their_limit_is_the_nodes(node: Node) -> None:
    talks = [node.talk() for _ in range(12)]
    share = [sum(talk.pid == pid for talk in talks) for pid in node.pids]
    assert min(share) >= 3
    assert node.edge.stats()["connections"] >= 12
    for talk in talks:
        talk.sock.close()


def test_a_purge_returns_when_every_process_has_applied_it(upstream: Upstream, node: Node) -> None:
    owner, worker = node.talks()
    worker.gets("/purged")
    until(lambda: b"e; hit" in worker.gets("/purged")[0])
    for soft in (False, True):
        assert node.edge.asks_admin_to("/purge", {"all": True, "soft": soft})["purged"] >= 1
        assert b"e; hit" not in worker.gets("/purged")[0]
        assert b"e; hit" in owner.gets("/purged")[0]
    assert fetches(upstream, "/purged") == 3


def test_a_reload_reaches_every_process_and_names_what_failed(node: Node) -> None:
    """One part that fails keeps no other out."""
    owner, worker = node.talks()
    log, config = node.folder / "access.log", node.folder / "edge.toml"
    log.rename(node.folder / "access.log.1")
    config.write_text('[[route]]\npath = "/slow/**"\nadd_headers = {Nothing = 1}')
    assert reload(node) == (1, "settings: failed")
    for talk in (owner, worker):
        talk.gets("/logged")
    until(lambda: log.exists() and log.read_text().count("/logged") == 2)
    config.write_text('default_ttl = "60s"\nsmall_share = 0.2')
    assert "`small_share`" in node.edge.refusal_of("/reload")["detail"]
    config.write_text("")
    assert reload(node)[0] == 0


def reload(node: Node) -> tuple[int, str]:
    """The exit code of `matinee edge reload`, and the beginning of what it says of the failure."""
    host, port = node.edge.admin
    argv = [sys.executable, "-P", "-m", "tools.cli", "edge", "reload", "--admin", f"{host}:{port}"]
    ended = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    return ended.returncode, ": ".join(ended.stderr.split(": ")[:2])


def test_viewers_of_all_processes_share_one_running_fetch(upstream: Upstream, node: Node) -> None:
    """Bytes reach them from the first one on, and a viewer that leaves takes nothing from the others."""
    size, path = 1_000_000, "/long/1000000"
    owner, worker = node.talks()
    leaver = next(talk for talk in iter(node.talk, None) if talk.pid == worker.pid)
    for talk in (worker, owner, leaver):
        talk.sock.sendall(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
    first = worker.sock.recv(100)
    assert first.startswith(b"HTTP/1.1 200")  # before the fetch is complete
    leaver.sock.close()
    upstream.gate.set()
    assert len(owner.answer()[1]) == size
    assert len(worker.answer(begun=first)[1]) == size
    assert fetches(upstream, path) == 1
    until(lambda: b"e; hit" in worker.gets(path)[0])
    assert worker.gets(path)[1] == bytes(size)


def test_many_viewers_of_a_cold_object_cause_one_fetch(upstream: Upstream, node: Node) -> None:
    bodies: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: bodies.append(node.edge.gets("/cold").partition(b"\r\n\r\n")[2]))
        for _ in range(30)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bodies == [b"</cold>"] * 30
    assert fetches(upstream, "/cold") == 1


def test_a_killed_worker_is_replaced_and_others_notice_nothing(upstream: Upstream, node: Node) -> None:
    owner, worker = node.talks()
    assert owner.gets("/kept")[1] == b"</kept>"
    os.kill(worker.pid, signal.SIGKILL)
    assert b"e; hit" in owner.gets("/kept")[0]
    _, successor = node.talks()
    assert successor.pid != worker.pid
    assert successor.gets("/kept")[1] == b"</kept>"
    assert fetches(upstream, "/kept") == 1


def test_hits_go_on_while_the_owner_is_replaced(upstream: Upstream, node: Node) -> None:
    """Meanwhile a miss is passed on unstored; the new owner has the old one's objects, and its purges count."""
    _, worker = node.talks()
    worker.gets("/warm")
    until(lambda: b"e; hit" in worker.gets("/warm")[0])
    killed = node.owner
    os.kill(killed, signal.SIGKILL)
    assert b"e; hit" in worker.gets("/warm")[0]
    assert worker.gets("/meanwhile")[1] == b"</meanwhile>"
    until(node.edge.is_ready)
    owner, _ = node.talks()
    assert owner.pid != killed
    assert b"e; hit" in owner.gets("/warm")[0]
    assert node.edge.asks_admin_to("/purge", {"all": True})["purged"] >= 1
    assert b"fwd=uri-miss; stored" in worker.gets("/warm")[0]
    assert fetches(upstream, "/warm") == 2
