"""Bodies that are sent on while they come: a window, a budget for all, and what becomes of those that break off."""

from __future__ import annotations

import pytest

from edge.serve.listener import BODY_SECONDS, LATE_BODY, ViewerListener
from edge.wire.head import Limits
from edge.wire.upload import LAST_CHUNK, ONE_READ, SMALL_BODY, WINDOW, BodyBudget, Upload
from tests.doubles.clock import FakeClock
from tests.edge.wire.fakes import Remembering, connected


class Upstream:
    """Takes what it is told to."""

    def __init__(self, *, slow: bool = False) -> None:
        self.got = b""
        self.unsent = 0
        self.slow = slow
        self.ended = ""

    def send(self, data: bytes) -> None:
        self.got += data
        self.unsent = len(data) if self.slow else 0

    def finish_request(self) -> None:
        self.ended = "whole"

    def abort_request(self) -> None:
        self.ended = "broken"


@pytest.mark.parametrize(("length", "sent"), [(6, b"onetwo"), (None, b"3\r\none\r\n3\r\ntwo\r\n" + LAST_CHUNK)])
def test_what_comes_before_and_after_the_upstream_is_there_is_sent_in_order(length: int | None, sent: bytes) -> None:
    budget, upstream = BodyBudget(), Upstream()
    upload = Upload(budget, length, keep_alive=True)
    upload.append(b"one")
    assert budget.held == 3
    upload.send_to(upstream)
    upload.append(b"two")
    assert (budget.held, upstream.ended) == (0, "")
    upload.end()
    assert (upstream.got, upstream.ended, budget.uploads) == (sent, "whole", 0)


def test_while_the_upstream_takes_nothing_the_viewer_is_held_back() -> None:
    budget, upstream, room = BodyBudget(), Upstream(slow=True), []
    upload = Upload(budget, 10 * WINDOW, keep_alive=True)
    upload.on_room = lambda: room.append(1)
    upload.send_to(upstream)
    upload.append(bytes(WINDOW))
    assert not upload.is_full
    upload.append(bytes(WINDOW))
    assert upload.is_full
    room.clear()
    upstream.unsent = 0
    upload.send_available()
    assert (upload.is_full, room, budget.held) == (False, [1], 0)


def test_one_that_breaks_off_is_not_taken_for_whole_and_holds_nothing() -> None:
    budget, upstream = BodyBudget(), Upstream(slow=True)
    upload = Upload(budget, 100, keep_alive=True)
    upload.send_to(upstream)
    upload.append(b"x")
    upload.append(b"y")
    upload.fail()
    upload.append(b"z")
    assert (upstream.got, upstream.ended, budget.held, budget.uploads) == (b"x", "broken", 0, 0)


def test_when_nobody_wants_it_any_more_it_is_dropped() -> None:
    budget, upstream = BodyBudget(), Upstream(slow=True)
    upload = Upload(budget, 100, keep_alive=True)
    upload.send_to(upstream)
    upload.append(b"x")
    upload.append(b"y")
    upload.detach()
    upload.append(bytes(WINDOW))
    upload.end()
    assert (upstream.ended, budget.held) == ("", 0)


def test_all_together_have_a_budget_and_wait_their_turn() -> None:
    budget, went_on = BodyBudget(ONE_READ), []
    assert budget.try_hold(ONE_READ)
    assert not budget.try_hold(1)
    for number in range(3):
        budget.when_room(lambda number=number: went_on.append(number))  # type: ignore[misc]
    assert went_on == []
    budget.release(1)
    assert went_on == [0]
    budget.release(ONE_READ - 1)
    assert went_on == [0, 1]


def post(length: int, more: bytes = b"") -> bytes:
    return b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n%s\r\n" % (length, more)


LARGE = 4 * SMALL_BODY


def test_a_large_body_is_handed_on_while_it_comes_and_the_next_request_follows() -> None:
    handler = Remembering()
    limits = Limits(body=1 << 20)
    connection, transport = connected(handler, limits)
    connection.data_received(post(LARGE) + bytes(SMALL_BODY))
    assert len(handler.requests) == 1
    assert transport.out == b""
    connection.data_received(bytes(LARGE - SMALL_BODY) + b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
    assert transport.out == b"<1><2>"
    assert handler.requests[0].body == bytes(LARGE)
    assert (limits.bodies.held, limits.bodies.uploads, transport.end) == (0, 0, "")


def test_small_bodies_count_until_they_are_answered_and_beyond_the_budget_503_is_said() -> None:
    """20,000 connections of 60 KiB each would be 1.2 GB."""
    handler = Remembering(holds=True)
    limits = Limits(body=1 << 20, bodies=BodyBudget(150_000))
    one, _ = connected(handler, limits)
    two, _ = connected(handler, limits)
    three, third = connected(handler, limits)
    one.data_received(post(50_000) + bytes(50_000))
    two.data_received(post(60_000) + bytes(50_000))
    three.data_received(post(60_000) + bytes(59_999))
    assert third.out == b"<503 request-bodies-full>"
    assert limits.bodies.held == 100_000
    handler.answer(one)
    two.connection_lost(None)
    three.connection_lost(None)
    assert limits.bodies.held == 0


@pytest.mark.parametrize(
    ("cut", "said"),
    [
        (lambda connection: connection.eof_received(), b"<400 body-cut>"),
        (lambda connection: connection.data_received(b"nonsense\r\n"), b"<400 malformed>"),
        (lambda connection: connection.data_received(b"fffffff\r\n"), b"<413 body-too-large>"),
        (lambda connection: connection.abort_upload(LATE_BODY), b"<408 body-timeout>"),
        (lambda connection: connection.connection_lost(None), b""),
    ],
)  # fmt: skip
def test_a_body_that_breaks_off_is_told_to_both_sides(cut, said) -> None:
    handler = Remembering()
    limits = Limits(body=1 << 20)
    connection, transport = connected(handler, limits)
    lost: list[int] = []
    connection.data_received(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (LARGE, bytes(LARGE))
    )
    upload = handler.requests[0].body
    assert isinstance(upload, Upload)
    connection.on_lost = lambda: lost.append(1)
    cut(connection)
    assert (transport.out, lost, upload.broken) == (said, [1], True)
    assert (limits.bodies.held, limits.bodies.uploads) == (0, 0)


def test_a_body_that_trickles_while_it_is_sent_on_is_cut_unless_we_hold_it_back() -> None:
    """One byte every few seconds was held for hours."""
    handler = Remembering()
    connection, transport = connected(handler, Limits(body=1 << 20))
    front = ViewerListener(handler, {connection}, Limits(), FakeClock())
    connection.data_received(post(LARGE) + bytes(SMALL_BODY))
    for _ in range(BODY_SECONDS + SMALL_BODY // 512):
        connection.data_received(b"x")
        front.sweep()
        assert transport.out == b""
    front.sweep()
    assert transport.out == b"<408 body-timeout>"


def test_while_the_upstream_is_slow_nobody_is_cut_for_it() -> None:
    handler = Remembering()
    handler.handle = lambda request, _: request.body.send_to(Upstream(slow=True))  # type: ignore[method-assign, union-attr]
    connection, transport = connected(handler, Limits(body=1 << 20))
    front = ViewerListener(handler, {connection}, Limits(), FakeClock())
    connection.data_received(post(LARGE) + bytes(SMALL_BODY))
    connection.data_received(bytes(WINDOW))
    assert not transport.reading
    for _ in range(1000):
        front.sweep()
    assert (transport.out, transport.end) == (b"", "")
