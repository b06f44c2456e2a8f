"""Byte ranges (RFC 9110 §14)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.http.ranges import MAX_RANGES, UNSATISFIABLE, ByteRange, parse_content_range, parse_range

LONG = b"9" * 5000


@pytest.mark.parametrize(
    ("value", "ranges"),
    [
        (b"bytes=0-1", [(0, 2)]),
        (b"bytes=1-", [(1, 11)]),
        (b"bytes=0-", [(0, 11)]),
        (b"bytes=-1", [(10, 11)]),
        (b"bytes=-11", [(0, 11)]),
        (b"bytes=-99", [(0, 11)]),
        (b"bytes=10-10", [(10, 11)]),
        (b"bytes=0-10", [(0, 11)]),
        (b"bytes=0-11", [(0, 11)]),
        (b"bytes=5-" + LONG, [(5, 11)]),
        (b"bytes=-" + LONG, [(0, 11)]),
        (b"bytes=0000000000000000000000005-6", [(5, 7)]),
        (b"Bytes=0-1", [(0, 2)]),
        (b"bytes=0-1,3-4", [(0, 2), (3, 5)]),
        (b"bytes= 0-1 ,\t3-4 ", [(0, 2), (3, 5)]),
        (b"bytes=0-1,,3-4,", [(0, 2), (3, 5)]),
        (b"bytes=3-4,0-1", [(3, 5), (0, 2)]),
        (b"bytes=0-1,2-3", [(0, 2), (2, 4)]),
        (b"bytes=0-1,20-30", [(0, 2)]),
        (b"bytes=0-1,-0", [(0, 2)]),
    ],
)
def test_satisfiable_ranges_of_eleven_bytes(value, ranges):
    """§14.1.2; unsatisfiable ones beside others are left out, the order stays as asked."""
    assert parse_range(value, 11) == tuple(ByteRange(*one) for one in ranges)


@pytest.mark.parametrize(
    "value", [b"bytes=11-", b"bytes=11-20", b"bytes=-0", b"bytes=11-,12-", b"bytes=" + LONG + b"-", b"bytes=20-30,-0"]
)
def test_nothing_of_it_is_there(value):
    """§15.5.17: 416."""
    assert parse_range(value, 11) is UNSATISFIABLE


@pytest.mark.parametrize(
    "value",
    [
        b"", b"bytes", b"bytes=", b"bytes=,", b"items=0-1", b"=0-1", b"bytes:0-1", b"bytes=1", b"bytes=-", b"bytes=a-b",
        b"bytes=2-1", b"bytes=0-1,2-1", b"bytes=--1", b"bytes=1-2-3", b"bytes=0x1-2", b"bytes=+1-2", b"bytes=1 -2",
        b"bytes=0-1;2-3", b"bytes=0-5,3-8", b"bytes=0-1,0-1", b"bytes=5-,-3", b"bytes=0-1,-" + LONG,
    ],
)  # fmt: skip
def test_what_is_ignored_so_that_the_whole_is_sent(value):
    """§14.2: malformed, another unit, or ranges that overlap (§17.15)."""
    assert parse_range(value, 11) is None


def test_too_many_ranges_are_ignored():
    """§14.2: a few bytes of request must not cost many of response."""
    most = b",".join(b"%d-%d" % (at, at) for at in range(MAX_RANGES))
    assert len(parse_range(b"bytes=" + most, 100)) == MAX_RANGES
    assert parse_range(b"bytes=" + most + b",90-91", 100) is None


def test_of_nothing():
    """§14.1.2: the last bytes of an empty representation are satisfiable, but no Content-Range can say it: 200."""
    assert parse_range(b"bytes=0-", 0) is UNSATISFIABLE
    assert parse_range(b"bytes=-0", 0) is UNSATISFIABLE
    assert parse_range(b"bytes=-5", 0) is None


@given(st.binary(max_size=30), st.integers(0, 50))
def test_whatever_is_asked_stays_within_the_representation(specs, length):
    found = parse_range(b"bytes=" + specs, length)
    if isinstance(found, tuple):
        assert found
        assert all(0 <= one.first < one.stop <= length for one in found)
        assert sum(one.stop - one.first for one in found) <= length


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b"bytes 0-4/10", (ByteRange(0, 5), 10)),
        (b"bytes 4-9/10", (ByteRange(4, 10), 10)),
        (b"bytes 0-0/*", (ByteRange(0, 1), None)),
        (b"Bytes 0-4/10", (ByteRange(0, 5), 10)),
        (b" bytes 0-4/10 ", (ByteRange(0, 5), 10)),
        (b"bytes 5-4/10", None),
        (b"bytes 0-10/10", None),
        (b"bytes */10", None),
        (b"bytes 0-4", None),
        (b"bytes=0-4/10", None),
        (b"items 0-4/10", None),
        (b"bytes 0-4/" + LONG, None),
        (b"", None),
    ],
)
def test_content_range(value, found):
    """§14.4: an invalid one makes the 206 useless."""
    assert parse_content_range(value) == found
