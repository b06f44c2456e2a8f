"""Misses: every one asks the origin once, and the first byte is the first of the answer."""

import socket
import threading

import pytest

from tools.bench import misses
from tools.bench.misses import first_byte, run
from tools.bench.processes import BenchFailed
from tools.bench.report import KIB


def test_a_run_counts_only_misses():
    """With our edge alone, small objects."""
    rows, first = run((32 * KIB, 64 * KIB), 2, 1, 3, {"matinee": misses.ours}, lambda text: None)
    assert [row.size for row in rows] == [32 * KIB, 64 * KIB]
    for row in rows:
        assert row.targets == {}
        assert row.samples["matinee"][0].cpu_us > 0
    assert first["matinee"].looks == 3
    assert 0 < first["matinee"].median <= first["matinee"].late


def test_an_answer_that_is_no_200_ends_the_run():
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 503 No\r\n\r\n")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with listener, pytest.raises(BenchFailed, match="503"):
        first_byte(listener.getsockname()[1], "/")
    thread.join()
