"""The load generator counts only whole, right answers."""

import os
import socket
import threading
from contextlib import contextmanager, suppress

import msgspec
import pytest

from tools.bench import load
from tools.bench.load import Connection, Job, measure
from tools.bench.processes import BenchFailed

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"


@contextmanager
def answering(answer):
    """A server that sends `answer(number)` for each request; its port and what it was asked."""
    asked = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=speak, args=(connection,), daemon=True).start()

    def speak(connection):
        with connection, suppress(OSError):
            while request := connection.recv(65536):
                asked.append(request)
                connection.sendall(answer(len(asked)))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], asked
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def job(port, *, length=10, viewers=2):
    return Job(port, [["/a", "/b"]] * viewers, length, 0.0, 0.05, [os.getpid()])


def test_whole_answers_are_counted_and_asked_for_in_turn():
    with answering(lambda number: HEAD + b"0123456789") as (port, asked):
        result = measure(job(port, viewers=1))
    assert result.total == len(asked) >= result.requests > 0
    assert result.cpu > 0
    assert [request.split()[1] for request in asked[:3]] == [b"/a", b"/b", b"/a"]
    assert all(request.endswith(b"\r\n\r\n") for request in asked)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 10\r\n\r\n0123456789", "403"),
        (HEAD + b"0123456789more", "4 bytes more"),
        (b"x" * 5000, "answered"),
    ],
)
def test_a_wrong_answer_ends_the_measurement(answer, why):
    with answering(lambda number: answer) as (port, _), pytest.raises(BenchFailed, match=why):
        measure(job(port))


def test_a_body_that_does_not_come_ends_the_measurement(monkeypatch):
    monkeypatch.setattr(load, "STALLED", 0.05)
    with answering(lambda number: HEAD + b"012") as (port, _), pytest.raises(BenchFailed, match="sent nothing"):
        measure(job(port))


def test_a_connection_that_is_closed_ends_the_measurement():
    with pytest.raises(BenchFailed, match="closed"):
        Connection(socket.socket(), []).take(memoryview(b""), 10)


@pytest.mark.parametrize("cut", range(1, len(HEAD) + 10))
def test_an_answer_may_come_in_any_two_pieces(cut):
    connection, whole = Connection(socket.socket(), []), HEAD + b"0123456789"
    assert not connection.take(memoryview(whole[:cut]), 10)
    assert connection.take(memoryview(whole[cut:]), 10)
    assert connection.take(memoryview(whole), 10), "the next one begins anew"


def test_the_program_takes_jobs_and_tells_failures(monkeypatch, capsysbinary):
    with answering(lambda number: HEAD + b"0123456789") as (port, _):
        lines = [msgspec.json.encode(job(port)), msgspec.json.encode(job(port, length=9))]
        monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": lines}))
        assert load.main() == 0
    first, second = map(msgspec.json.decode, capsysbinary.readouterr().out.splitlines())
    assert first["requests"] > 0
    assert "1 bytes more" in second["failed"]
