"""What code that answers requests may rely on, whatever the wire."""

from __future__ import annotations

from edge.wire.response_writer import ResponseWriter, ViewerConnection
from tests.edge.wire.fakes import Remembering, connected

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"


class Writing(Remembering):
    """Writes a body in three ways."""

    def answer(self, connection: ResponseWriter) -> None:
        connection.writelines((HEAD, b"ab"))
        connection.send(b"cd", b"-ef-", 1, 3)
        connection.done()


def test_pieces_arrive_in_the_order_they_are_written_in() -> None:
    connection, transport = connected(Writing())
    connection.data_received(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert transport.out == HEAD + b"abcdef"


def test_a_refused_connection_gets_the_refusal_and_no_more() -> None:
    handler = Remembering()
    connection, transport = connected(handler)
    refused: ViewerConnection = connection
    refused.refuse(HEAD + b"sorry!")
    connection.data_received(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (transport.out, transport.end, handler.requests) == (HEAD + b"sorry!", "eof", [])
