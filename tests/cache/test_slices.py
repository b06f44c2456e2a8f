"""Slices: which bytes lie in which, and their keys."""

import pytest

from cache.slices import byte_range, is_slice, object_key, slice_key, slice_number, slice_numbers


def test_a_slice_has_the_key_of_its_object_and_its_number():
    key = slice_key(b"h/a", 12)
    assert key != b"h/a"
    assert is_slice(key)
    assert not is_slice(b"h/a")
    assert object_key(key) == object_key(b"h/a") == b"h/a"
    assert slice_number(key) == 12


def test_the_last_slice_ends_with_the_object():
    assert byte_range(0, 10, 25) == (0, 10)
    assert byte_range(2, 10, 25) == (20, 25)


@pytest.mark.parametrize(
    ("first", "stop", "found"),
    [(0, 10, [0]), (0, 11, [0, 1]), (9, 10, [0]), (10, 11, [1]), (5, 25, [0, 1, 2]), (7, 7, []), (20, 30, [2])],
)
def test_a_range_lies_in_the_slices_that_it_touches(first: int, stop: int, found: list[int]):
    assert list(slice_numbers(first, stop, 10)) == found
