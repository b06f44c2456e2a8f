"""What the watch sees of a connection: phases by the bytes that come, and what waits to be taken."""

import asyncio
from types import SimpleNamespace

import pytest
from aiohttp import web

from httpd.client_timeouts import ConnectionSnapshot, Phase
from httpd.connection import GRACE_SECONDS, Connection


class Transport(asyncio.Transport):
    """In memory; `unsent` bytes wait."""

    def __init__(self):
        super().__init__({"peername": ("203.0.113.7", 1)})
        self.sent = b""
        self.unsent = 0
        self.reads = True
        self.ended = ""

    def write(self, data):
        self.sent += bytes(data)

    def close(self):
        self.ended = self.ended or "closed"

    def abort(self):
        self.ended = "cut"

    def is_reading(self):
        return self.reads

    def get_write_buffer_size(self):
        return self.unsent


class Inner:
    """aiohttp's protocol."""

    def __init__(self):
        self.data = b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.data += data

    def connection_lost(self, exc):
        self.transport = None


class Content:
    """A request's body."""

    def __init__(self):
        self.whole = False
        self.failed = None

    def is_eof(self):
        return self.whole

    def set_exception(self, error):
        self.failed = error


class Door:
    """Lets in whom it is told to, at a clock that the test moves."""

    def __init__(self):
        self.time = 0.0
        self.full = False
        self.gone = 0

    def now(self):
        return self.time

    def admits(self, connection, address):
        return not self.full and address == "203.0.113.7"

    def on_admitted(self, connection):
        pass

    def on_lost(self, connection):
        self.gone += 1


@pytest.fixture
def door():
    return Door()


@pytest.fixture
def connection(door):
    made = Connection(door, Inner)
    made.connection_made(Transport())
    return made


def test_whoever_is_not_let_in_is_cut_and_costs_no_protocol(door):
    door.full = True
    made = Connection(door, Inner)
    made.connection_made(transport := Transport())
    assert (transport.ended, made.inner) == ("cut", None)
    made.data_received(b"GET")
    made.connection_lost(None)
    assert door.gone == 1


def test_the_time_to_a_head_begins_with_its_first_byte_and_no_later_byte_renews_it(door, connection):
    door.time = 3
    assert connection.snapshot() == ConnectionSnapshot(Phase.WAITING, 3)
    connection.data_received(b"G")
    door.time = 5
    connection.data_received(b"E")
    assert connection.snapshot() == ConnectionSnapshot(Phase.HEAD, 2)
    assert connection.inner.data == b"GE"


def test_a_body_counts_only_while_we_read(door, connection):
    content = Content()
    connection.on_request_start(SimpleNamespace(content=content))
    door.time = 2
    assert connection.snapshot() == ConnectionSnapshot(Phase.BODY, 2, reading=2)
    connection.transport.reads = False
    door.time = 100
    assert connection.snapshot() == ConnectionSnapshot(Phase.BODY, 0, reading=2)
    connection.transport.reads = True
    door.time = 101
    connection.data_received(b"four")
    assert connection.snapshot() == ConnectionSnapshot(Phase.BODY, 0, reading=3, body_bytes=4)
    content.whole = True
    assert connection.snapshot() == ConnectionSnapshot(Phase.RUNNING, 0)


def test_a_half_head_behind_a_request_is_a_head_when_that_is_answered(door, connection):
    content = Content()
    connection.on_request_start(SimpleNamespace(content=content))
    content.whole = True
    connection.data_received(b"GET / HT")
    connection.on_request_end()
    door.time = 4
    assert connection.snapshot() == ConnectionSnapshot(Phase.HEAD, 4, served=True)
    connection.on_request_start(SimpleNamespace(content=content))
    connection.on_request_end()
    assert connection.snapshot().phase is Phase.WAITING


def test_what_is_not_taken_is_told_and_the_idle_time_begins_when_it_is_out(door, connection):
    connection.on_request_start(SimpleNamespace(content=Content()))
    connection.on_request_end()
    connection.transport.unsent = 10
    assert connection.snapshot().unread == 0
    door.time = 7
    assert connection.snapshot().unread == 7
    connection.transport.unsent = 9
    assert connection.snapshot().unread == 0
    connection.transport.unsent = 0
    door.time = 8
    assert connection.snapshot() == ConnectionSnapshot(Phase.WAITING, 1, served=True)


def test_a_late_head_is_answered_and_closed(connection):
    connection.answer_late_head()
    head, _, body = connection.transport.sent.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert f"Content-Length: {len(body)}".encode() in head
    assert connection.transport.ended == "closed"


def test_a_late_body_becomes_the_readers_408_and_who_reads_on_regardless_is_cut(door, connection):
    content = Content()
    connection.on_request_start(SimpleNamespace(content=content))
    connection.answer_late_body()
    assert isinstance(content.failed, web.HTTPRequestTimeout)
    door.time = GRACE_SECONDS
    connection.answer_late_body()
    assert connection.transport.ended == ""
    door.time += 0.1
    connection.answer_late_body()
    assert connection.transport.ended == "cut"
