"""A stream cut into slices, however it comes; what its place among readers means is in test_slicing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.slices.content_range import Part
from edge.slices.slice_fetch import SliceFetch
from kernel.errors import Bug
from tests.edge.slices.test_sliced_object import BODY, Ground, K, Reads, Stream


@given(st.lists(st.integers(1, 333), min_size=1, max_size=40))
def test_whatever_pieces_it_comes_in(sizes):
    ground = Ground()
    ground.sliced.join(Reads(at=9))
    fetch, _ = ground.streams()
    ground.awaits(fetch, 9)
    at = 0
    for size in [*sizes, len(BODY)]:
        ground.sliced.unsettled = 0
        fetch.on_bytes(BODY[at : at + size])
        at += size
    for _ in range(10):
        ground.sliced.unsettled = 0
        fetch.advance()
    assert [ground.body(number) for number in range(10)] == [BODY[n * K : (n + 1) * K] for n in range(10)]


def test_a_piece_that_is_not_aligned_is_kept_as_what_it_is():
    ground = Ground()
    ground.sliced.join(Reads(at=2, last=3))
    fetch, _ = ground.streams(250, 330)
    fetch.on_bytes(BODY[250:330])
    assert (ground.body(2), ground.body(3)) == (BODY[250:300], BODY[300:330])
    assert ground.sliced.is_stored(250, 330)
    assert not ground.sliced.has_slice(2)


@pytest.mark.parametrize("error", [None, Bug("x")])
def test_its_end_comes_once(error):
    ground = Ground()
    fetch = SliceFetch(ground.sliced, 0, 10)
    ground.sliced.fetches.append(fetch)
    fill = fetch.reserve(4)
    fetch.close(error)
    fetch.close(Bug("again"))
    fetch.on_bytes(b"late")
    assert (fetch.closed, fill.error, ground.sliced.fills) == (True, error, {})


def test_a_part_comes_to_nothing_beyond_its_end():
    """Seen: who was to get the whole waited for the stream of a part, and was cut off at its end."""
    ground = Ground(etag=b"")
    fetch, stream = SliceFetch(ground.sliced, 0, ground.sliced.count), Stream()
    fetch.set_span(Part(0, 200, len(BODY)))
    fetch.begin_stream(stream, Part(0, 200, len(BODY)))
    ground.sliced.fetches.append(fetch)
    assert fetch.stop == 2
    assert ground.sliced.can_obtain(0, 200)
    assert not ground.sliced.can_obtain(0, 201)
