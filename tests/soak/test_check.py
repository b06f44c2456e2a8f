"""The checker finds what is wrong, byte by byte."""

from collections import Counter

import pytest

from kernel.http.dates import format_date
from tests.soak.check import SLICED, Ask, Checker, Wrong, resolve
from tests.soak.model import Answer, Model
from tests.soak.things import Thing, body_bytes
from tests.soak.wire import Head

NAME, WALL = "t/a", 1_800_000_000.0
BYTES = body_bytes(NAME, "", "v0", 0, 1000)


def checker(ask=None, **terms):
    model = Model({NAME: Thing(NAME, 1000, "max-age", 60)})
    model.answered(Answer(7, NAME, "", "v0", 200, 1000, 99.0, 99.0, 99.0, **{"fresh": 60.0, **terms}))
    ask = ask or Ask(NAME, "v1")
    ask.sent = 100.0
    return Checker(model, ask, Counter())


def head(status=200, **fields):
    told = {"date": format_date(WALL).decode(), "cache-status": "e1; hit", "x-serial": "7", "etag": '"v0"', "age": "1"}
    told |= {name.replace("_", "-"): value for name, value in fields.items()}
    return Head(status, [(name, value) for name, value in told.items() if value is not None])


def checked(one, what, body=b""):
    one.head(what, 100.1, WALL)
    if body:
        one.body(body)
    one.end(100.2)


def test_what_is_right():
    checked(checker(), head(content_length="1000"), BYTES)
    ranged = Ask(NAME, "v1", ranges=((10, 19),))
    checked(checker(ranged), head(206, content_range="bytes 10-19/1000", content_length="10"), BYTES[10:20])
    checked(checker(Ask(NAME, "v1", "HEAD")), head(content_length="1000"))
    checked(checker(Ask(NAME, "v1", fields={"If-None-Match": 'W/"v0"'})), head(304, x_serial=None))
    checked(checker(Ask(NAME, "v1", ranges=((1000, None),))), head(416, x_serial=None, content_range="bytes */1000"))


@pytest.mark.parametrize(
    ("what", "body", "complaint"),
    [
        (head(), BYTES[:999], "1 bytes of v0 missing"),
        (head(), BYTES + b"x", "1 bytes too many"),
        (head(), BYTES[:500] + bytes([BYTES[500] ^ 1]) + BYTES[501:], "byte 500 of v0 is wrong"),
        (head(etag='"v1"'), BYTES, "ETag"),
        (head(content_length="999"), BYTES, "Content-Length 999"),
        (head(age=None), BYTES, ""),
        (head(age="50"), BYTES, "Age 50"),
        (head(age="x"), BYTES, "Age x"),
        (head(date=None), BYTES, "Date"),
        (head(cache_status=None), BYTES, "no Cache-Status"),
        (head(206, content_range="bytes 0-999/1000"), BYTES, "206 that nobody asked for"),
        (head(404), BYTES, "404 for a 200"),
        (head(304), b"", "304 to a request without a condition"),
        (head(x_serial="8"), BYTES, "no origin gave"),
        (head(x_serial=None), BYTES, "200 of the edge's own"),
        (head(502, x_serial=None), b"", "502 without a fault"),
    ],
    ids=str,
)
def test_what_is_wrong(what, body, complaint):
    if not complaint:
        checked(checker(), what, body)
        return
    with pytest.raises(Wrong, match=complaint):
        checked(checker(), what, body)


def test_ranges_must_be_those_that_were_asked_for():
    ranged = Ask(NAME, "v1", ranges=((10, 19),))
    with pytest.raises(Wrong, match="Content-Range"):
        checked(checker(ranged), head(206, content_range="bytes 10-20/1000"))
    held = Ask(NAME, "v1", ranges=((10, 19),), fields={"If-Range": '"v9"'})
    with pytest.raises(Wrong, match="If-Range"):
        checked(checker(held), head(206, content_range="bytes 10-19/1000"))
    with pytest.raises(Wrong, match="416"):
        checked(checker(ranged), head(416, x_serial=None, content_range="bytes */1000"))


def test_several_ranges_part_by_part():
    def body(second):
        parts = [(0, BYTES[:10]), (500, second)]
        lines = [f"--xx\r\nContent-Range: bytes {at}-{at + 9}/1000\r\n\r\n".encode() + part for at, part in parts]
        return b"\r\n".join([*lines, b"--xx--\r\n"])

    ask = Ask(NAME, "v1", ranges=((0, 9), (500, 509)))
    told = head(206, content_type="multipart/byteranges; boundary=xx")
    checked(checker(ask), told, body(BYTES[500:510]))
    with pytest.raises(Wrong, match="byte 500 of v0"):
        checked(checker(ask), told, body(BYTES[0:10]))


def test_what_is_for_one_viewer_goes_to_one():
    first = checker(shared=False)
    checked(first, head(), BYTES)
    again = Checker(first.model, Ask(NAME, "v2", sent=100.0), Counter())
    with pytest.raises(Wrong, match="went to v1 and to v2"):
        checked(again, head(), BYTES)


def test_a_cut_needs_a_fault():
    one = checker()
    one.head(head(), 100.1, WALL)
    with pytest.raises(Wrong, match="cut without a fault"):
        one.cut(100.2, "reset")
    one.model.fault(100.0, NAME, "origin: reset").ended = 100.1
    one.cut(100.2, "reset")


def test_a_large_object_of_a_past_version_may_be_cut():
    """What of it lies no more in the cache is nowhere else."""
    one = checker()
    one.head(head(), 100.1, WALL)
    one._length = SLICED + 1
    with pytest.raises(Wrong):
        one.cut(100.2, "reset")
    one.model.changed(NAME, 99.0)
    one.cut(100.2, "reset")


def test_ranges_resolved():
    assert resolve(((0, 4), (5, None), (None, 3), (10, None), (None, 0)), 10) == [(0, 5), (5, 10), (7, 10)]
