"""Real processes: how often a wayward origin is asked, and what its viewers get meanwhile."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.edge.process import SECONDS, EdgeProcess, Upstream, edge_process, everything, until

MIB = 1 << 20
FILM = os.urandom(20 * MIB)


class Origin:
    """One object under every path; how it is given is told by attributes. `asked`: the Range of each request."""

    def __init__(self) -> None:
        self.most: int | None = None
        self.tags = ['"a"']
        self.status = 200
        self.hangs = self.chunked = self.truncates = False
        self.body = FILM
        self.control = "max-age=600"
        self.asked: list[str] = []
        self.ended = threading.Event()
        self.port = 0

    def answer(self, to: BaseHTTPRequestHandler) -> None:
        asked = to.headers.get("Range") or ""
        self.asked.append(asked)
        if self.hangs:
            self.ended.wait(SECONDS)
            to.close_connection = True
            return
        first, stop, status = 0, len(self.body), self.status
        tag = self.tags[len(self.asked) % len(self.tags)]
        if status == 200 and (match := re.fullmatch(r"bytes=(\d+)-(\d*)", asked)):
            status, first = 206, int(match[1])
            stop = min(int(match[2]) + 1 if match[2] else stop, stop, first + (self.most or stop))
        body = self.body[first:stop] if status < 300 else b""
        length = len(body)
        if self.truncates:
            body, to.close_connection = body[: MIB // 2], True
        to.send_response(status)
        to.send_header("ETag", tag)
        to.send_header("Cache-Control", self.control)
        if status == 206:
            to.send_header("Content-Range", f"bytes {first}-{stop - 1}/{len(self.body)}")
        to.send_header(*(("Transfer-Encoding", "chunked") if self.chunked else ("Content-Length", str(length))))
        to.end_headers()
        to.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if self.chunked else body)


@pytest.fixture
def origin() -> Iterator[Origin]:
    made = Origin()
    with Upstream(made.answer) as upstream:
        made.port = upstream.port
        yield made
        made.ended.set()


@pytest.fixture
def edge(origin: Origin, tmp_path: Path) -> Iterator[EdgeProcess]:
    options = {"ram": "64MiB", "stale_wait": "200ms", "upstream_first_byte": "5s", "cache_dir": tmp_path / "cache"}
    with edge_process(tmp_path, origin.port, **options) as process:
        yield process


def body_of(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


def status_of(answer: bytes) -> str:
    """Our member of Cache-Status."""
    found = re.search(rb"(?im)^cache-status: ([^\r]*)", answer)
    return found[1].decode() if found else ""


def test_short_parts_are_put_together_and_a_viewer_who_left_is_asked_for_no_more(
    edge: EdgeProcess, origin: Origin
) -> None:
    """Seen: an origin that sends at most 300,000 bytes an answer was asked hundreds of times a second, for ever."""
    origin.most = 300_000
    with edge.connect() as sock:
        sock.sendall(b"GET /film HTTP/1.1\r\nHost: h\r\nRange: bytes=0-\r\n\r\n")
        got = b""
        while len(got) < 3 * MIB:
            got += sock.recv(1 << 20)
    until(lambda: edge.stats()["fills_running"] == 0 and edge.stats()["connections"] == 0)
    asked = len(origin.asked)
    assert asked < 2 * len(FILM) // 300_000
    answer = edge.gets("/film", "Range: bytes=0-\r\n")
    assert body_of(answer) == FILM
    assert len(origin.asked) < 3 * len(FILM) // 300_000
    asked = len(origin.asked)
    assert body_of(edge.gets("/film")) == FILM
    assert len(origin.asked) == asked


def test_two_backends_with_etags_of_their_own_cut_nobody_off(edge: EdgeProcess, origin: Origin) -> None:
    """Seen: each GET of the whole was reset, again and again."""
    origin.tags = ['"a"', '"b"']
    assert body_of(edge.gets("/film", "Range: bytes=0-99\r\n")) == FILM[:100]
    for _ in range(3):
        assert body_of(edge.gets("/film")) == FILM
        assert body_of(edge.gets("/film", "Range: bytes=9000000-9000099\r\n")) == FILM[9_000_000:9_000_100]
    assert len(origin.asked) < 10


def test_a_hung_origin_and_one_that_answers_503_leave_stale_hits_alone(edge: EdgeProcess, origin: Origin) -> None:
    """Seen: each viewer in turn waited for the first byte, and each stale hit asked once more."""
    origin.body, origin.control = b"#EXTM3U", "max-age=0, stale-if-error=600"
    assert body_of(edge.gets("/list")) == b"#EXTM3U"
    origin.hangs = True
    answers = [edge.gets("/list") for _ in range(20)]
    assert {body_of(answer) for answer in answers} == {b"#EXTM3U"}
    assert all(re.search("detail=upstream-(late|failed)", status_of(answer)) for answer in answers)
    assert len(origin.asked) == 2
    origin.hangs, origin.status = False, 503
    origin.ended.set()
    until(lambda: edge.stats()["fills_running"] == 0)
    asked = len(origin.asked)
    for _ in range(200):
        answer = edge.gets("/list")
        assert (body_of(answer), "detail=upstream-failed" in status_of(answer)) == (b"#EXTM3U", True)
    assert len(origin.asked) - asked < 20
    origin.status, origin.body, origin.tags = 200, b"#EXTM3U 2", ['"2"']
    until(lambda: body_of(edge.gets("/list")) == b"#EXTM3U 2", 40.0)


def test_a_large_chunked_answer_is_not_called_stored(edge: EdgeProcess, origin: Origin) -> None:
    """Its head cannot know whether it will be kept, although it is: in slices above --slice-over, whole below."""
    origin.chunked = True
    answer = edge.gets("/film")
    assert "stored" not in status_of(answer)
    assert "detail=length-unknown" in status_of(answer)
    until(lambda: edge.stats()["fills_running"] == 0)
    again = edge.gets("/film")
    assert "hit" in status_of(again)
    assert body_of(again) == FILM
    origin.body = FILM[:1000]
    edge.gets("/small")
    until(lambda: edge.stats()["fills_running"] == 0)
    assert "hit" in status_of(edge.gets("/small"))


def test_a_hit_that_is_purged_in_mid_body_is_whole(edge: EdgeProcess, origin: Origin) -> None:
    """Seen: what has no strong ETag was reset at the first slice that the viewer had not had yet."""
    origin.tags = ['W/"a"']
    assert body_of(edge.gets("/film")) == FILM
    until(lambda: edge.stats()["fills_running"] == 0)
    with edge.connect() as sock:
        sock.sendall(b"GET /film HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        got = sock.recv(1000)
        body = json.dumps({"all": True}).encode()
        ask = Request(f"http://{edge.admin[0]}:{edge.admin[1]}/purge", body, {"Content-Type": "application/json"})
        with urlopen(ask, timeout=SECONDS) as answer:
            assert answer.status == 200
        got += everything(sock)
    assert "; hit" in status_of(got)
    assert body_of(got) == FILM
    assert edge.metric('matinee_edge_aborts_total{reason="broken-off"}') == 0


def test_a_cut_connection_is_counted_and_logged_with_its_reason(edge: EdgeProcess, origin: Origin) -> None:
    """The next reset that nobody can explain names itself."""
    origin.truncates = True
    assert len(body_of(edge.gets("/film"))) < len(FILM)
    assert edge.metric('matinee_edge_aborts_total{reason="broken-off"}') == 1
    (line,) = [line for line in edge.lines() if line.get("event") == "connection-cut"]
    assert (line["reason"], line["detail"]) == ("broken-off", "truncated")
