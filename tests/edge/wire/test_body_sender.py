"""The sending half of a connection, over a real socket: every byte, in order, whatever the reader's pace."""

from __future__ import annotations

import os

import pytest

from edge.serve.listener import RETIRING_TICKS
from tests.edge.wire.fakes import FakeTransport, Remembering, connected
from tests.scenario.stage import Scenario
from tests.scenario.wire import FOLDER, Wire

BIG = os.urandom(6_000_000)
SMALL = os.urandom(700)


@pytest.fixture
async def s(tcp: Scenario) -> Scenario:
    return tcp


async def _warm(s: Scenario, **settings: object) -> tuple[object, Wire]:
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=o1, **settings)
    o1.expects(FOLDER + "big.m4s").answers(200, BIG, cache_control="max-age=60")
    o1.expects(FOLDER + "small.m4s").answers(200, SMALL, cache_control="max-age=60")
    address = await e1.started()
    wire = await Wire.to(address)
    for name, body in (("big.m4s", BIG), ("small.m4s", SMALL)):
        wire.asks(name)
        assert await wire.gets() == (200, body)
    await e1.written()
    return e1, wire


@pytest.mark.parametrize("settings", [{}, {"cache_dir": "off", "ram": "64MiB"}])
async def test_big_and_small_in_turn_on_one_connection(s: Scenario, settings: dict[str, object]) -> None:
    """Files and bytes follow one another in order, one at a time and pipelined."""
    _, wire = await _warm(s, **settings)
    for name, body in (("big.m4s", BIG), ("small.m4s", SMALL), ("big.m4s", BIG)):
        wire.asks(name)
        assert await wire.gets() == (200, body)
    wire.asks("big.m4s", "small.m4s", "small.m4s", "big.m4s", "small.m4s")
    for body in (BIG, SMALL, SMALL, BIG, SMALL):
        assert await wire.gets() == (200, body)
    wire.asks("big.m4s", extra="Range: bytes=1000000-4999999\r\n")
    assert await wire.gets() == (206, BIG[1_000_000:5_000_000])
    wire.writer.close()


async def test_a_body_being_sent_is_finished_when_the_edge_drains(s: Scenario) -> None:
    """No new connections, running responses finish."""
    e1, wire = await _warm(s)
    wire.asks("big.m4s")
    head = await wire.reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert e1.edge is not None
    e1.edge.drain()
    assert await wire.reader.readexactly(len(BIG)) == BIG
    await s.clock.advance(RETIRING_TICKS)
    assert await wire.reader.read() == b""
    wire.writer.close()


async def test_connection_close_after_a_big_body_comes_after_all_of_it(s: Scenario) -> None:
    """The last response of a connection is whole."""
    _, wire = await _warm(s)
    wire.asks("big.m4s", extra="Connection: close\r\n")
    assert await wire.gets() == (200, BIG)
    assert await wire.reader.read() == b""
    wire.writer.close()


async def test_a_viewer_who_leaves_while_a_file_is_sent_leaves_nothing_behind(s: Scenario) -> None:
    """His connection is forgotten, others go on."""
    e1, wire = await _warm(s)
    wire.asks("big.m4s")
    await wire.reader.readexactly(1000)
    wire.writer.transport.abort()
    await e1.until(connections=0)
    address = await e1.started()
    other = await Wire.to(address)
    other.asks("big.m4s")
    assert await other.gets() == (200, BIG)
    other.writer.close()


async def test_a_half_closed_connection_still_gets_its_file(s: Scenario) -> None:
    """Who has said all he wants may end his side."""
    _, wire = await _warm(s)
    wire.asks("big.m4s")
    wire.writer.write_eof()
    assert await wire.gets() == (200, BIG)
    wire.writer.close()


async def test_a_flipped_bit_under_a_running_edge_is_not_sent(s: Scenario) -> None:
    """The file's date gives it away; it is read again, found damaged, and fetched anew."""
    _, wire = await _warm(s)
    (file,) = [path for path in (s.folder / "e1" / "cache" / "objects").glob("*/*") if path.stat().st_size > 1_000_000]
    with file.open("r+b") as changed:
        changed.seek(3_000_000)
        changed.write(bytes([BIG[3_000_000] ^ 1]))
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 1_000_000))
    origin = s.origins[0]
    origin.expects(FOLDER + "big.m4s").answers(200, BIG, cache_control="max-age=60")
    wire.asks("big.m4s")
    assert await wire.gets() == (200, BIG)
    wire.writer.close()


LAST = b"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def test_after_the_last_response_the_viewer_is_heard_out():
    """Closing at once would answer what he still sends with a reset."""
    connection, transport = connected(Remembering())
    connection.data_received(LAST)
    assert (transport.out, transport.end, connection.parted) == (b"<1>", "eof", True)
    transport.queued = 1
    assert not connection.parted
    connection.data_received(b"what is sent behind the last request is read and forgotten")
    assert (transport.reading, transport.out) == (True, b"<1>")
    assert not connection.eof_received()


@pytest.mark.parametrize("behind", [b"x" * 1000, b"GET /2 HTTP/1.1\r\nHost: a\r\n\r\n"])
def test_what_comes_with_the_last_request_does_not_stop_the_reading(behind: bytes):
    """Bytes left unread in the socket would make its closing a reset."""
    connection, transport = connected(Remembering())
    connection.data_received(LAST + behind)
    assert (transport.reading, transport.out, transport.end) == (True, b"<1>", "eof")


def test_reading_goes_on_when_the_last_response_was_waited_for():
    handler = Remembering(holds=True)
    connection, transport = connected(handler)
    connection.data_received(LAST + b"GET /2 HTTP/1.1\r\nHost: a\r\n\r\n" * 100)
    handler.answer(connection)
    assert (transport.reading, transport.end) == (True, "eof")


def test_a_viewer_who_ended_his_side_is_not_waited_for():
    handler = Remembering(holds=True)
    connection, transport = connected(handler)
    connection.data_received(LAST)
    assert connection.eof_received()
    handler.answer(connection)
    assert transport.end == "closed"


def test_where_one_side_alone_cannot_be_ended_both_are():
    """TLS."""
    handler = Remembering()
    connection, transport = connected(handler, transport=FakeTransport(eof=False))
    connection.data_received(LAST)
    assert transport.end == "closed"


def test_drain_leaves_alone_who_is_parting():
    connection, transport = connected(Remembering())
    connection.data_received(LAST)
    connection.close_after_next()
    assert transport.end == "eof"
