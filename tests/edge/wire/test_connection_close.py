"""How connections end: what the viewer still sends must not take from him what he has not read yet."""

import pytest

from tests.edge.wire.fakes import FakeTransport, Remembering, connected

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
