"""One viewer's connection: order, waiting in line, half-closes, retiring, refusals that arrive."""

import asyncio

import pytest

from edge.wire.http1_server import MAX_PIPELINED_BYTES
from kernel.vocabulary import Abort
from tests.edge.wire.fakes import FakeTransport, Remembering, connected, fed

GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
ENDED = ("closed", "eof")
"""Closed, or our side of it, and the viewer's end is waited for (RFC 9112 §9.6)."""
BAD = b"GET / HTTP/1.1\r\nHost a\r\n\r\n"


def pipelined(number: int) -> bytes:
    return b"".join(GET % one for one in range(1, number + 1))


@pytest.mark.parametrize("step", [None, 1, 7])
def test_pipelined_requests_are_answered_once_each_and_in_order(step: int | None):
    handler, transport = fed(pipelined(50), step=step)
    assert [request.target for request in handler.requests] == [b"/%d" % number for number in range(1, 51)]
    assert transport.out == b"".join(b"<%d>" % number for number in range(1, 51))


def test_one_request_at_a_time():
    """While a response is on its way the next requests wait unread; when many do, the socket is read no further."""
    handler = Remembering(holds=True)
    connection, transport = connected(handler)
    connection.data_received(GET % 1)
    number = MAX_PIPELINED_BYTES // len(GET % 2) + 2
    connection.data_received(GET % 2 * number)
    assert len(handler.requests) == 1
    assert not transport.reading
    for asked in range(1, number + 2):
        assert len(handler.requests) == asked
        handler.answer(connection)
    assert transport.reading
    assert not connection.busy
    connection.data_received(GET % 99)
    assert handler.requests[-1].target == b"/99"


def test_a_viewer_behind_gets_no_further_response():
    """Nothing is begun while the socket's queue is full; it goes on when that drains."""
    handler = Remembering()
    connection, transport = connected(handler)
    connection.pause_writing()
    connection.data_received(pipelined(3))
    assert not handler.requests
    connection.resume_writing()
    assert transport.out == b"<1><2><3>"


def test_resuming_goes_to_whoever_writes():
    handler = Remembering(holds=True)
    connection, _ = connected(handler)
    connection.data_received(pipelined(2))
    told = []
    connection.on_resume = lambda: told.append("resume")
    connection.pause_writing()
    connection.resume_writing()
    assert told == ["resume"]
    assert len(handler.requests) == 1


def test_connection_close_ends_it_and_what_follows_is_dropped():
    handler, transport = fed(b"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + GET % 2)
    assert len(handler.requests) == 1
    assert transport.end in ENDED


def test_a_half_close_still_gets_its_responses():
    """RFC 9112 §9.6: the viewer has ended his side; all he asked for is answered, then the connection closes."""
    handler = Remembering(holds=True)
    connection, transport = connected(handler)
    connection.data_received(pipelined(2))
    assert connection.eof_received() is True
    assert transport.end == ""
    handler.answer(connection)
    assert transport.end == ""
    handler.answer(connection)
    assert transport.out == b"<1><2>"
    assert transport.end == "closed"
    assert not handler.requests[1].keep_alive


def test_a_half_close_of_an_idle_connection_closes_it():
    connection, transport = connected(Remembering())
    connection.eof_received()
    assert transport.end == "closed"


def test_a_half_close_within_a_head_closes_without_a_word():
    connection, transport = connected(Remembering())
    connection.data_received(b"GET / HT")
    connection.eof_received()
    assert (transport.out, transport.end) == (b"", "closed")


def test_a_refusal_waits_for_its_turn():
    """Bad bytes behind good requests: the good ones are answered first."""
    handler = Remembering(holds=True)
    connection, transport = connected(handler)
    connection.data_received(pipelined(2) + BAD + GET % 9)
    assert not handler.refused
    handler.answer(connection)
    handler.answer(connection)
    assert transport.out == b"<1><2><400 malformed>"
    assert len(handler.requests) == 2


def test_a_refusal_in_one_segment_with_good_requests_comes_last():
    handler, transport = fed(pipelined(2) + BAD)
    assert transport.out == b"<1><2><400 malformed>"
    assert len(handler.refused) == 1


def test_a_refused_viewer_is_read_on_so_that_no_reset_takes_his_answer():
    """RFC 9112 §9.6: our side is ended, what still comes is forgotten, his end or the sweep closes."""
    handler = Remembering()
    connection, transport = connected(handler)
    connection.data_received(BAD)
    assert transport.end == "eof"
    assert transport.reading
    assert connection.lingering
    connection.data_received(GET % 2 * 1000)
    assert not handler.requests
    assert connection.eof_received() is False


def test_where_the_sending_side_cannot_be_ended_alone_it_is_left_open_for_a_while():
    """TLS: the refused viewer is heard out all the same; the sweep closes."""
    connection, transport = connected(Remembering(), transport=FakeTransport(eof=False))
    connection.data_received(BAD)
    assert (transport.end, connection.lingering, transport.reading) == ("", True, True)


@pytest.mark.parametrize("step", [None, 1])
@pytest.mark.parametrize("protocol", [b"h2c", b"websocket", b"TLS/1.3", b"x"])
def test_an_upgrade_is_not_taken_up_and_nothing_is_lost(protocol: bytes, step: int | None):
    """RFC 9110 §7.8: the request is answered as if it had not been asked, and so are those behind it."""
    asks = b"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: %s\r\n\r\n" % protocol
    handler, transport = fed(asks + GET % 2 + asks + GET % 4, step=step)
    assert [request.target for request in handler.requests] == [b"/1", b"/2", b"/1", b"/4"]
    assert transport.end == ""


def test_many_upgrades_in_one_segment():
    handler, _ = fed(b"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n" * 2000)
    assert len(handler.requests) == 2000


EXPECTS = b"POST /1 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"


def test_who_waits_for_word_gets_it():
    """RFC 9110 §10.1.1."""
    handler = Remembering()
    connection, transport = connected(handler)
    connection.data_received(EXPECTS)
    assert transport.out == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.data_received(b"hello")
    assert transport.out.endswith(b"\r\n\r\n<1>")
    assert handler.requests[0].body == b"hello"


@pytest.mark.parametrize("head", [EXPECTS.replace(b"/1.1", b"/1.0"), EXPECTS.replace(b"h: 5", b"h: 0")])
def test_no_word_for_who_does_not_wait(head: bytes):
    """HTTP/1.0, no body."""
    _, transport = fed(head)
    assert b"100 Continue" not in transport.out


def test_word_never_stands_in_the_middle_of_another_response():
    """It comes when the turn of its request does."""
    handler = Remembering(holds=True)
    connection, transport = connected(handler)
    connection.data_received(GET % 1 + EXPECTS)
    assert transport.out == b""
    handler.answer(connection)
    assert transport.out == b"<1>HTTP/1.1 100 Continue\r\n\r\n"
    connection.data_received(b"hello")
    assert handler.requests[1].body == b"hello"


def test_no_word_for_who_has_begun_already():
    """RFC 9110 §10.1.1: a part of the content has come, so it is not waited for."""
    _, transport = fed(EXPECTS + b"he")
    assert transport.out == b""


@pytest.mark.parametrize("expects", [b"200-ok", b"100-continue, x", b"x"])
def test_an_expectation_that_nobody_meets_is_417(expects: bytes):
    """RFC 9110 §10.1.1; of HTTP/1.0 it is ignored."""
    head = EXPECTS.replace(b"100-continue", expects)
    handler, _ = fed(head + b"hello")
    assert [what.status for what in handler.refused] == [417]
    handler, _ = fed(head.replace(b"/1.1", b"/1.0") + b"hello")
    assert [request.body for request in handler.requests] == [b"hello"]


def test_whoever_is_told_of_a_viewer_who_leaves():
    handler = Remembering(holds=True)
    connection, _ = connected(handler)
    connection.data_received(pipelined(3))
    told = []
    connection.on_lost = lambda: told.append("lost")
    connection.connection_lost(None)
    connection.resume_writing()
    assert told == ["lost"]
    assert len(handler.requests) == 1
    assert (handler.opened_count, handler.closed_count) == (1, 1)


def test_retiring_leaves_who_has_asked_a_moment_to_ask_again():
    """Seen: ten of ten busy viewers lost a request that was on its way when the edge began to drain."""
    handler = Remembering()
    connection, transport = connected(handler)
    connection.data_received(GET % 1)
    connection.close_after_next()
    assert transport.end == ""
    connection.data_received(GET % 2)
    assert transport.out == b"<1><2>"
    assert not handler.requests[1].keep_alive
    assert transport.end in ENDED


def test_retiring_closes_who_has_been_silent_for_a_second():
    for ticks, end in ((0, ""), (1, "closed")):
        connection, transport = connected(Remembering())
        connection.ticks = ticks
        connection.close_after_next()
        assert transport.end == end


def test_retiring_lets_what_is_running_and_what_waits_in_line_finish():
    handler = Remembering(holds=True)
    connection, transport = connected(handler)
    connection.data_received(pipelined(2))
    connection.close_after_next()
    connection.settle_keep_alive(handler.requests[0])
    assert handler.requests[0].keep_alive, "another waits"
    handler.answer(connection)
    assert (len(handler.requests), handler.requests[1].keep_alive, transport.end) == (2, False, "")
    handler.answer(connection)
    assert transport.end in ENDED


def test_a_head_that_is_made_after_retiring_says_that_it_is_the_last():
    handler = Remembering(holds=True)
    connection, transport = connected(handler)
    connection.data_received(GET % 1)
    connection.close_after_next()
    connection.settle_keep_alive(handler.requests[0])
    assert not handler.requests[0].keep_alive
    handler.answer(connection)
    assert transport.end in ENDED


def test_an_answer_whose_head_did_not_say_so_is_not_the_last():
    handler = Remembering(holds=True)
    connection, transport = connected(handler)
    connection.data_received(GET % 1)
    connection.close_after_next()
    handler.answer(connection)
    assert transport.end == ""


def test_retiring_within_a_head_lets_that_request_be_the_last():
    """Whoever has begun to ask is answered, and told that the connection closes."""
    handler = Remembering()
    connection, transport = connected(handler)
    connection.data_received((GET % 1)[:9])
    connection.close_after_next()
    assert transport.end == ""
    connection.data_received((GET % 1)[9:])
    assert transport.out == b"<1>"
    assert not handler.requests[0].keep_alive
    assert transport.end in ENDED


def test_aborting_cuts():
    handler = Remembering(holds=True)
    connection, transport = connected(handler)
    connection.data_received(pipelined(2))
    connection.abort(Abort.STALLED)
    assert handler.aborts == [Abort.STALLED]
    assert transport.end == "aborted"


async def test_a_handler_that_fails_is_a_bug_and_no_fault_of_the_viewer():
    """It is reported, and the connection is cut: nobody knows how much of a response was written."""

    class Failing(Remembering):
        def handle(self, request, connection):
            raise RuntimeError("oops")

    reported = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context["exception"]))
    handler = Failing()
    connection, transport = connected(handler)
    connection.data_received(GET % 1)
    assert [str(error) for error in reported] == ["oops"]
    assert transport.end == "aborted"
    assert not handler.refused


def test_the_head_is_known_to_have_begun_whatever_it_came_with():
    """The sweep times a head from its first byte, also when that came with the request before."""
    connection, _ = connected(Remembering())
    assert not connection.in_head
    connection.data_received(GET % 1 + b"GE")
    assert connection.in_head
    connection.data_received(b"T / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert not connection.in_head


def test_the_time_of_a_head_is_not_stretched_by_trickling_and_that_of_a_body_is():
    connection, _ = connected(Remembering())
    connection.data_received(b"POST / HTTP/1.1\r\n")
    connection.ticks = 5
    connection.data_received(b"Host: a\r\n")
    assert connection.ticks == 5
    connection.data_received(b"Content-Length: 5\r\n\r\n")
    connection.data_received(b"h")
    assert connection.ticks == 0
