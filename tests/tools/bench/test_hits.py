"""The benchmark of hits refuses to tell figures that mean nothing."""

import contextlib
import http.server
import os
import threading

import pytest

from tools.bench import hits
from tools.bench.hits import Plan, ask_until_hit, check_log, count_lines, paths, prepare, run, targets_of, turned
from tools.bench.origin import body
from tools.bench.peers import Server, ours
from tools.bench.processes import BenchFailed
from tools.bench.report import KIB, MIB

PATH = "/cdn/eu/bench/100/0.m4s"


@contextlib.contextmanager
def peer(tmp_path, answer):
    """A server in this process; `answer(path)` gives (status, Cache-Status, body)."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # head and body in one write

        def do_GET(self):
            status, cache_status, content = answer(self.path)
            self.send_response(status)
            self.send_header("Cache-Status", cache_status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        port = server.server_address[1]
        yield Server("it", port, (os.getpid(),), tmp_path / "log", lambda scope, viewer, issued: "")
        server.shutdown()
        thread.join()


def ask(server):
    connection = hits.http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    with contextlib.closing(connection):
        return ask_until_hit(server, connection, PATH)


def test_an_object_is_asked_for_until_it_is_a_hit(tmp_path):
    states = iter(["it; fwd=uri-miss", "it; fwd=uri-miss", "it; hit"])
    with peer(tmp_path, lambda path: (200, next(states), body(path))) as server:
        assert ask(server) == 3


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((200, "it; fwd=uri-miss", body(PATH)), "still no hit"),
        ((200, "it; hit", body(PATH)[:-1] + b"\0\0"), "not as it is"),
        ((503, "it; hit", body(PATH)), "status 503"),
    ],
)
def test_an_object_that_is_not_served_as_it_is_ends_the_run(tmp_path, answer, why):
    with peer(tmp_path, lambda path: answer) as server, pytest.raises(BenchFailed, match=why):
        ask(server)


def test_a_server_that_refuses_nothing_is_not_measured(tmp_path):
    with peer(tmp_path, lambda path: (200, "it; hit", body(path))) as server:
        with pytest.raises(BenchFailed, match="without a token was answered 200, not 401"):
            prepare(server, Plan((100,), 1, 0.1))


def test_requests_that_were_not_logged_end_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(hits, "LOGGED_WITHIN", 0)
    server = Server("it", 1, (), tmp_path / "log", lambda scope, viewer, issued: "")
    server.access_log.write_text("{}\n{}\n")
    check_log(server, 2)
    with pytest.raises(BenchFailed, match="logged 2 lines for 3 requests"):
        check_log(server, 3)
    assert count_lines(tmp_path / "none") == 0


def test_viewers_begin_at_different_objects():
    assert turned(["a", "b", "c"], 1) == ["b", "c", "a"]
    assert turned(["a", "b", "c"], 30) == ["a", "b", "c"]


def test_all_objects_together_fit_into_ram():
    assert [len(paths(size)) for size in (KIB, 256 * KIB, MIB, 4 * MIB)] == [64, 64, 16, 16]
    assert sum(size * len(paths(size)) for size in hits.SIZES) < 256 * MIB


def test_a_run_measures_every_size_in_every_round(monkeypatch):
    """The whole of it with our edge: origin, warming, checks, viewers, log."""
    monkeypatch.setattr(hits, "WARM_UP", 0.02)
    told = []
    rows = run(Plan((2 * KIB, 64 * KIB), 2, 0.05), {"matinee": ours}, told.append)
    assert [(row.size, row.targets, len(row.samples["matinee"])) for row in rows] == [(2048, {}, 2), (65536, {}, 2)]
    assert all(sample.cpu_us > 0 for row in rows for sample in row.samples["matinee"])
    assert "65536 bytes, round 2 of 2: matinee" in told


def test_targets_are_set_against_each_peer_that_runs():
    assert targets_of(KIB, ["matinee", "nginx A", "nginx C", "varnish"]) == {
        "nginx A": 0.8, "nginx C": 1.0, "varnish": 1.0,
    }  # fmt: skip
    assert targets_of(4 * MIB, ["nginx A", "varnish"]) == {"nginx A": 1.0}
