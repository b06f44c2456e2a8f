"""Buffers are reused when nothing refers to their bytes, and not a moment earlier."""

import pytest

from system.read_buffers import MAX_BYTES, MIN_BYTES, SLACK_BYTES, ReadBuffers


@pytest.mark.parametrize(
    ("length", "size"), [(1, MIN_BYTES), (MIN_BYTES, MIN_BYTES), (MIN_BYTES + 1, 2 * MIN_BYTES), (1 << 40, MAX_BYTES)]
)
def test_a_buffer_has_room_for_the_body_and_for_what_follows_it(length, size):
    assert len(ReadBuffers().acquire(length)) == size + SLACK_BYTES


def test_a_buffer_is_free_when_the_last_part_of_it_is_gone():
    buffers = ReadBuffers()
    first = buffers.acquire(MAX_BYTES)
    address, part = id(first.obj), first[10:20]
    del first
    other = buffers.acquire(MAX_BYTES)
    assert id(other.obj) != address, "a part of the first is still in use"
    del part
    again = buffers.acquire(MAX_BYTES)
    assert id(again.obj) == address


def test_no_more_is_kept_than_allowed_and_other_sizes_make_room():
    buffers = ReadBuffers(max_kept=2 * MAX_BYTES)
    held = [buffers.acquire(MAX_BYTES) for _ in range(5)]
    assert len({id(view.obj) for view in held}) == 5
    assert buffers.kept == 2 * MAX_BYTES
    small = buffers.acquire(MIN_BYTES)
    assert buffers.kept == MAX_BYTES + MIN_BYTES
    address = id(small.obj)
    del small
    assert id(buffers.acquire(MIN_BYTES).obj) == address
