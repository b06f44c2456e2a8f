"""Request bodies through a real edge: bounded memory, whole at the other side, cut when they trickle."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest

from tests.doubles.response import receive_response
from tests.edge.process import EdgeProcess, Upstream, edge_process, everything, until

MIB = 1 << 20


def head(length: int | None, more: str = "", close: bool = True) -> bytes:
    how = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    end = "Connection: close\r\n" if close else ""
    return f"POST /upload HTTP/1.1\r\nHost: h\r\n{how}\r\n{end}{more}\r\n".encode()


def uploads(edge: EdgeProcess, body: bytes, answers: list[bytes]) -> None:
    with edge.connect() as sock:
        sock.sendall(head(len(body)) + body)
        answers.append(everything(sock))


def test_many_large_bodies_take_a_window_each_and_arrive_whole(tmp_path: Path) -> None:
    """60 of 16 MiB took 1 GiB with `--ram 64MiB`: each was collected whole."""
    number, body = 40, os.urandom(4 * MIB)
    answers: list[bytes] = []
    with Upstream() as upstream, edge_process(tmp_path, upstream.port) as edge:
        edge.gets()
        before = edge.rss()
        upstream.reads.clear()
        threads = [threading.Thread(target=uploads, args=(edge, body, answers)) for _ in range(number)]
        for thread in threads:
            thread.start()
        until(lambda: edge.metric("matinee_edge_uploads") == number)
        most, size = 0.0, 0
        for _ in range(10):
            most = max(most, edge.metric("matinee_edge_request_body_bytes"))
            size = max(size, edge.rss() - before)
        assert 0 < most <= number * 400 * 1024
        assert size < number * MIB  # a quarter of the bodies
        upstream.reads.set()
        for thread in threads:
            thread.join()
        assert upstream.taken == [(len(body), hashlib.sha256(body).hexdigest())] * number
        assert sum(b"200 OK" in answer for answer in answers) == number
        assert edge.metric("matinee_edge_request_body_bytes") == edge.metric("matinee_edge_uploads") == 0


def test_a_chunked_body_goes_on_in_chunks_and_the_connection_stays(tmp_path: Path) -> None:
    body = os.urandom(MIB)
    with Upstream() as upstream, edge_process(tmp_path, upstream.port) as edge, edge.connect() as sock:
        for _ in range(2):
            sock.sendall(head(None, close=False))
            for at in range(0, len(body), 50_000):
                piece = body[at : at + 50_000]
                sock.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
            sock.sendall(b"0\r\n\r\n")
            assert receive_response(sock).body == b"taken %d" % MIB
        assert upstream.taken == [(MIB, hashlib.sha256(body).hexdigest())] * 2


@pytest.mark.parametrize("sent", [10, 200_000])
def test_a_body_that_stands_still_is_408(tmp_path: Path, sent: int) -> None:
    """Whether it is collected or sent on while it comes."""
    with Upstream() as upstream, edge_process(tmp_path, upstream.port, head_timeout="1s") as edge:
        with edge.connect() as sock:
            sock.sendall(head(MIB) + bytes(sent))
            assert everything(sock).startswith(b"HTTP/1.1 408 ")
        until(lambda: edge.metric("matinee_edge_uploads") == 0)
        assert upstream.taken == []


@pytest.mark.parametrize("length", [17 * MIB, None])
def test_a_body_beyond_its_ceiling_is_413(tmp_path: Path, length: int | None) -> None:
    with Upstream() as upstream, edge_process(tmp_path, upstream.port) as edge:
        with edge.connect() as sock:
            sock.sendall(head(length))
            if length is None:
                sock.sendall(b"%x\r\n%b\r\n" % (15 * MIB, bytes(15 * MIB)))
                sock.sendall(b"%x\r\n" % (2 * MIB))
            assert everything(sock).startswith(b"HTTP/1.1 413 ")
        assert upstream.taken == []
        assert edge.gets().endswith(b"</a>")


def test_beyond_the_budget_503_is_said_and_afterwards_all_is_well(tmp_path: Path) -> None:
    with Upstream() as upstream, edge_process(tmp_path, upstream.port, body_memory="1MiB") as edge:
        held = []
        for _ in range(20):  # 60 KiB each, of 64 KiB that would be collected
            held.append(edge.connect())
            held[-1].sendall(head(61_000) + bytes(60_000))
        until(lambda: edge.metric("matinee_edge_request_body_bytes") > MIB - 120_000)
        with edge.connect() as sock:
            sock.sendall(head(61_000) + bytes(60_000))
            answer = everything(sock)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: 1\r\n" in answer
        for sock in held:
            sock.close()
        until(lambda: edge.metric("matinee_edge_request_body_bytes") == 0)
        answers: list[bytes] = []
        uploads(edge, bytes(61_000), answers)
        assert b"taken 61000" in answers[0]


def test_a_viewer_who_leaves_in_mid_body_leaves_no_whole_request_upstream(tmp_path: Path) -> None:
    with Upstream() as upstream, edge_process(tmp_path, upstream.port) as edge:
        with edge.connect() as sock:
            sock.sendall(head(MIB) + bytes(MIB // 2))
            until(lambda: upstream.heads)
        until(lambda: edge.metric("matinee_edge_uploads") == 0)
        assert edge.gets().endswith(b"</a>")
        assert upstream.taken == []
