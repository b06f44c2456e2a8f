"""The measured servers, as they are set up: the same questions asked, the same answers given."""

import contextlib
import http.client
import json
import sys

import pytest

from tools.bench.hits import get
from tools.bench.origin import body
from tools.bench.peers import FOREIGN_TITLE, ROOT, TITLE, Ground, nginx, nginx_version, ours
from tools.bench.processes import BenchFailed, free_port, started

PATH = f"/cdn/eu/{TITLE}/2000/1.m4s"
PEERS = {
    "ours": ours,
    "nginx A": nginx("nginx A", True, True),
    "nginx B": nginx("nginx B", False, False),
    "nginx C": nginx("nginx C", True, False),
}


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("bench"), free_port()
    origin = [sys.executable, "-P", "-m", "tools.bench.origin", str(port)]
    with started(origin, port=port, log=folder / "origin.log", folder=ROOT):
        yield Ground(folder, port, None)


@pytest.mark.parametrize(
    "name", ["ours", *(pytest.param(n, marks=pytest.mark.needs("nginx")) for n in PEERS if n != "ours")]
)
def test_a_peer_does_the_work_that_is_measured(name, ground):
    """Hits with every byte, refusals for token, time and country, a JSON line for each request."""
    with PEERS[name](ground) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        with contextlib.closing(connection):
            assert get(connection, server.target(PATH))[::2] == (200, body(PATH))
            status, fields, content = get(connection, server.target(PATH, viewer=3))
            assert (status, content) == (200, body(PATH))
            assert "hit" in fields["Cache-Status"]
            assert fields["Access-Control-Allow-Origin"] == "*"
            assert get(connection, PATH)[0] == 401
            assert get(connection, server.target(PATH)[: -len(PATH)] + PATH.replace(TITLE, "other"))[0] in (401, 403)
            assert get(connection, server.target(PATH, expired=True))[0] == 403
            assert get(connection, server.target(PATH.replace(TITLE, FOREIGN_TITLE)))[0] == 451
        assert server.target(PATH, viewer=1) != server.target(PATH, viewer=2)
    lines = server.access_log.read_text().splitlines()
    assert len(lines) >= 6
    assert all(isinstance(json.loads(line), dict) for line in lines)


@pytest.mark.needs("nginx")
def test_the_version_of_nginx_is_told():
    assert nginx_version().startswith("nginx/")


def test_without_nginx_there_is_no_version(monkeypatch):
    monkeypatch.setattr("tools.bench.peers.nginx_program", lambda: None)
    assert nginx_version() is None


def test_an_edge_that_cannot_start_is_told(monkeypatch, ground, tmp_path):
    monkeypatch.setattr("tools.bench.peers._write_edge_files", lambda folder, key: None)
    with pytest.raises(BenchFailed, match="cannot be read"), ours(Ground(tmp_path, ground.origin_port, None)):
        pass
