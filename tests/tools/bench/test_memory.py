"""Memory under churn: every answer is whole, and the target is what the page says."""

import socket
import threading

import pytest

from tools.bench import memory
from tools.bench.memory import BODY, Growth, ask, growth
from tools.bench.processes import BenchFailed
from tools.bench.report import MIB


def test_an_edge_s_growth_is_measured(monkeypatch):
    """With few requests: what is asked of it is that it is measured, not how much it is."""
    monkeypatch.setattr(memory, "BODY", 64 * 1024)
    found = growth(4 * MIB, 200, lambda text: None)
    assert (found.objects, found.requests) == (83, 249)
    assert 0 < found.empty <= found.after


def test_what_may_grow():
    assert Growth(64 * MIB, 1, 1, 70 * MIB, 180 * MIB).grown == 110 * MIB
    assert Growth(64 * MIB, 1, 1, 0, 0).most == int(1.2 * 64 * MIB) + 40 * MIB


@pytest.mark.parametrize("answer", [b"HTTP/1.1 503 No\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\n\r\n" + bytes(BODY - 1)])
def test_an_answer_that_is_no_whole_200_ends_the_run(answer):
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with listener, pytest.raises(BenchFailed, match="answered"):
        ask(listener.getsockname()[1], 1, 1)
    thread.join()
