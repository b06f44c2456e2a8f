"""What is asked upstream for a range, and what a 206 is worth."""

import pytest

from cache.slices import slice_key
from edge.slices.content_range import Part, of_the_whole, part_of, slice_entry, stored_span, strong_etag, upstream_range
from tests.cache.workbench import response
from tests.doubles.clock import FakeClock

K = 1000


@pytest.mark.parametrize(
    ("asked", "upstream"),
    [
        (None, None),
        (b"bytes=0-0", b"bytes=0-999"),
        (b"bytes=1500-2500", b"bytes=1000-2999"),
        (b"BYTES = 1500-2500", b"bytes=1000-2999"),
        (b"Bytes=1500-2500", b"bytes=1000-2999"),
        (b"bytes=999-", None),
        (b"bytes=1000-", b"bytes=1000-"),
        (b"bytes=-5", b"bytes=-5"),
        (b"bytes=5-4", None),
        (b"bytes=a-b", None),
        (b"lines=1-2", None),
        (b"bytes=", None),
        (b"bytes=0-1, 1200-1300", b"bytes=0-1999"),
        (b"bytes=2000-2001,0-1", b"bytes=0-2999"),
        (b"bytes=0-1,900000-900001", b"bytes=0-999"),
        (b"bytes=5000-5001,-1", b"bytes=5000-5999"),
        (b"bytes=" + b"1-1," * 9, None),
        (b"bytes=9999999999999999999999-", None),
    ],
)
def test_a_range_is_widened_to_whole_slices(asked, upstream):
    assert upstream_range(asked, K) == upstream


def test_without_slices_the_whole_is_asked_for():
    assert upstream_range(b"bytes=0-0", 0) is None


@pytest.mark.parametrize(
    ("fields", "length", "part"),
    [
        ([(b"content-range", b"bytes 0-4/10")], 5, Part(0, 5, 10)),
        ([(b"content-range", b"bytes 0-4/10")], None, Part(0, 5, 10)),
        ([(b"content-range", b"bytes 0-4/10")], 6, None),
        ([(b"content-range", b"bytes 0-4/*")], 5, None),
        ([(b"content-range", b"bytes 5-4/10")], 0, None),
        ([(b"content-range", b"bytes 5-10/10")], 6, None),
        ([(b"content-range", b"bytes */10")], 0, None),
        ([(b"content-range", b"lines 0-4/10")], 5, None),
        ([(b"content-range", b"bytes 0-4/10")] * 2, 5, None),
        ([], 5, None),
        ([(b"content-range", b"bytes 0-4/10"), (b"content-type", b"Multipart/ByteRanges; boundary=x")], 5, None),
    ],
)
def test_a_206_counts_only_if_it_says_clearly_what_it_brings(fields, length, part):
    assert part_of(fields, length) == part


def test_the_whole_has_the_fields_of_the_part():
    fields = [(b"etag", b'"a"'), (b"content-range", b"bytes 0-4/10"), (b"content-length", b"5")]
    assert of_the_whole(fields) == [(b"etag", b'"a"')]


def test_only_strong_tags_combine():
    assert [strong_etag(tag) for tag in (b'"a"', b'W/"a"', None)] == [b'"a"', None, None]


def test_a_slice_says_what_it_holds_and_whose_it_is():
    whole = response(FakeClock(), b"k", (b"etag", b'"a"'), (b"surrogate-key", b"t1"), length=2500)
    whole.slice, whole.mark = K, b'"a"'
    last = slice_entry(whole, 2, 2000, 2500)
    piece = slice_entry(whole, 1, 1200, 1300)
    assert (last.key, last.mark, last.surrogates, last.length) == (slice_key(b"k", 2), b'"a"', (b"t1",), 500)
    assert stored_span(last, 2, K, 2500) == (2000, 2500)
    assert stored_span(piece, 1, K, 2500) == (1200, 1300)
    piece.set_fields([])
    assert stored_span(piece, 1, K, 2500) == (0, 0)
