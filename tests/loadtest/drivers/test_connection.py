import pytest

from loadtest.drivers.connection import Connection, Exchange
from loadtest.drivers.http1 import Endpoint
from loadtest.drivers.line import Line
from loadtest.player.requests import Fetch
from loadtest.session import UNLIMITED, Failure, NetworkProfile, RateStep, RequestKind

SLOW = NetworkProfile("slow", (RateStep(60, 1e6),))


class Transport:
    """What a connection does to it."""

    def __init__(self):
        self.did, self.sent = [], b""

    def write(self, data):
        self.sent += data

    def pause_reading(self):
        self.did.append("pause")

    def resume_reading(self):
        self.did.append("resume")

    def abort(self):
        self.did.append("abort")

    def is_closing(self):
        return False

    def get_extra_info(self, _):
        return self

    def setsockopt(self, *_):
        pass


class Loop:
    """A loop of timers alone."""

    def __init__(self):
        self.now, self.timers = 0.0, []

    def call_later(self, delay, callback, *args):
        self.timers.append((self.now + delay, callback, args))
        return self

    def cancel(self):
        self.timers.clear()

    def run(self):
        for at, callback, args in sorted(self.timers, key=lambda one: one[0]):
            self.now = max(self.now, at)
            self.timers.remove((at, callback, args))
            callback(*args)


class Case:
    def __init__(self, profile=UNLIMITED):
        self.loop, self.transport, self.ended = Loop(), Transport(), []
        line = Line(profile, 0.0)
        self.connection = Connection(Endpoint("h", 80, False), line, lambda: self.loop.now, self.loop)
        self.connection.connection_made(self.transport)
        self.fetch = Fetch(RequestKind.SEGMENT, "http://h/", 0.0)

    def send(self):
        exchange = Exchange(
            self.fetch,
            lambda fetch, now: None,
            lambda reader: self.ended.append((reader.status, reader.size)),
            lambda failure, detail: self.ended.append(failure),
        )
        self.connection.send(exchange, b"GET", keeps_body=False)
        return self

    def receive(self, data):
        buffer = self.connection.get_buffer(-1)
        size = min(len(buffer), len(data))
        buffer[:size] = data[:size]
        self.connection.buffer_updated(size)
        if size < len(data):
            self.receive(data[size:])
        return self


def response(size, *fields):
    head = "".join(f"{field}\r\n" for field in (f"Content-Length: {size}", *fields))
    return f"HTTP/1.1 200 OK\r\n{head}\r\n".encode() + b"x" * size


def test_a_response_frees_the_connection_for_the_next():
    case = Case().send().receive(response(100))
    case.send().receive(response(200))
    assert case.ended == [(200, 100), (200, 200)]
    assert case.connection.is_open
    assert case.fetch.loaded == 200


def test_a_server_that_will_close_is_not_asked_again():
    case = Case().send().receive(response(1, "Connection: close"))
    assert case.ended == [(200, 1)]
    assert not case.connection.is_open


def test_a_slow_line_stops_reading_and_ends_when_the_bytes_have_passed():
    case = Case(SLOW).send()
    whole = response(62_500)
    case.receive(whole[:50_000])
    assert case.transport.did[-1] == "pause"
    case.loop.run()
    assert case.transport.did[-1] == "resume"
    case.receive(whole[50_000:])
    assert case.ended == []
    case.loop.run()
    assert case.ended == [(200, 62_500)]
    assert case.loop.now == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("received", "failure"),
    [(b"", Failure.CONNECT), (response(100)[:-1], Failure.TRUNCATED), (b"nonsense\r\n\r\n", Failure.PROTOCOL)],
)
def test_what_ends_early_is_named(received, failure):
    case = Case().send()
    if received:
        case.receive(received)
    case.connection.connection_lost(None)
    assert case.ended == [failure]


def test_bytes_that_nobody_asked_for_close_the_connection():
    case = Case().receive(b"hello")
    assert case.transport.did == ["abort"]


def test_a_forgotten_request_is_not_answered():
    case = Case().send()
    case.connection.close()
    case.connection.connection_lost(None)
    assert case.ended == []
