"""A request's body from DATA frames: collected, forwarded, refused."""

from __future__ import annotations

import pytest

from edge.wire.h2.request_body import RequestBody, length_error
from edge.wire.h2.request_fields import BrokenFields
from edge.wire.head import Limits
from edge.wire.request import Malformed, Request
from edge.wire.upload import SMALL_BODY, BodyBudget


def body(
    length: bytes | None = None, *, method: bytes = b"POST", most: int = 1 << 20, budget: BodyBudget | None = None
) -> RequestBody:
    fields = {} if length is None else {b"content-length": length}
    request = Request(method, b"/", fields, 1, keep_alive=True)
    return RequestBody(request, Limits(body=most, bodies=budget or BodyBudget()))


def test_a_small_body_is_collected_and_released() -> None:
    budget = BodyBudget(4)
    made = body(b"4", budget=budget)
    assert made.receive(b"ab") is made.receive(b"cd") is made.end() is None
    assert (made.request.body, budget.held) == (b"abcd", 4)
    made.release()
    assert budget.held == 0


def test_a_large_body_is_forwarded() -> None:
    made = body()
    assert made.receive(bytes(SMALL_BODY)) is None
    assert made.upload is made.request.body
    assert made.receive(b"more") is made.end() is None
    assert made.upload is not None
    assert (made.upload.length, made.upload.whole) == (None, True)


@pytest.mark.parametrize(
    ("made", "data", "status"),
    [
        (body(most=0, method=b"GET"), b"x", 400),
        (body(most=0), b"x", 405),
        (body(most=10), bytes(11), 413),
        (body(budget=BodyBudget(3)), b"four", 503),
    ],
)
def test_what_is_not_accepted(made: RequestBody, data: bytes, status: int) -> None:
    assert made.receive(b"") is None
    wrong = made.receive(data)
    assert isinstance(wrong, Malformed)
    assert wrong.status == status


def test_an_upload_that_grows_too_large_is_refused_and_dropped() -> None:
    made = body(most=SMALL_BODY)
    assert made.receive(bytes(SMALL_BODY)) is None
    wrong = made.receive(b"x")
    assert isinstance(wrong, Malformed)
    made.drop()
    assert made.upload is not None
    assert made.upload.broken


@pytest.mark.parametrize(
    ("length", "ended", "wrong"),
    [
        (b"1", True, BrokenFields), (b"x", False, BrokenFields), (b"0", True, type(None)),
        (b"9999999", False, Malformed), (b"5", False, type(None)),
    ],
)  # fmt: skip
def test_the_announced_length(length: bytes, ended: bool, wrong: type) -> None:
    request = Request(b"POST", b"/", {b"content-length": length}, 1, keep_alive=True)
    assert type(length_error(request, Limits(body=1000), ended=ended)) is wrong
