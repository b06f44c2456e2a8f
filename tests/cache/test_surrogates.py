"""Surrogate keys: what a field says, and who carries which."""

import pytest

from cache.surrogates import MOST_BYTES, MOST_KEYS, Surrogates, parse_surrogate_keys


@pytest.mark.parametrize(
    ("value", "keys"),
    [
        (None, ()),
        (b"", ()),
        (b"   ", ()),
        (b"a", (b"a",)),
        (b" a  b\ta ", (b"a", b"b")),
        (b"a,b", (b"a,b",)),
        (b"x" * MOST_BYTES + b" y", (b"x" * MOST_BYTES, b"y")),
        (b"x" * (MOST_BYTES + 1) + b" y", (b"y",)),
    ],
)
def test_keys_of_a_field(value, keys):
    assert parse_surrogate_keys(value) == keys


def test_their_number_is_bounded():
    assert len(parse_surrogate_keys(b" ".join(b"%d" % number for number in range(500)))) == MOST_KEYS


def test_who_carries_a_key():
    index = Surrogates()
    index.add(b"/1", (b"film", b"v720"))
    index.add(b"/2", (b"film",))
    index.add(b"/3", ())
    assert sorted(index.carrying(b"film")) == [b"/1", b"/2"]
    assert index.carrying(b"v720") == [b"/1"]
    assert index.carrying(b"other") == []


def test_what_is_gone_leaves_no_trace():
    index = Surrogates()
    index.add(b"/1", (b"a", b"b"))
    index.add(b"/2", (b"a",))
    index.discard(b"/1", (b"a", b"b", b"never"))
    index.discard(b"/1", (b"a",))
    assert index.carrying(b"a") == [b"/2"]
    assert len(index) == 1
