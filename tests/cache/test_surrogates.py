"""Surrogate keys: what a field says, and who carries which."""

import pytest

from cache.sharded_keys import MAX_UNSHARDED
from cache.surrogates import MAX_BYTES, MAX_KEYS, Surrogates, parse_surrogate_keys


@pytest.mark.parametrize(
    ("value", "keys"),
    [
        (None, ()),
        (b"", ()),
        (b"   ", ()),
        (b"a", (b"a",)),
        (b" a  b\ta ", (b"a", b"b")),
        (b"a,b", (b"a,b",)),
        (b"x" * MAX_BYTES + b" y", (b"x" * MAX_BYTES, b"y")),
        (b"x" * (MAX_BYTES + 1) + b" y", (b"y",)),
    ],
)
def test_keys_of_a_field(value, keys):
    assert parse_surrogate_keys(value) == keys


def test_their_number_is_bounded():
    assert len(parse_surrogate_keys(b" ".join(b"%d" % number for number in range(500)))) == MAX_KEYS


def carrying(index, key):
    return [one for part in index.carrying(key) for one in part]


def test_who_carries_a_key():
    index = Surrogates()
    index.add(b"/1", (b"film", b"v720"))
    index.add(b"/2", (b"film",))
    index.add(b"/3", ())
    assert sorted(carrying(index, b"film")) == [b"/1", b"/2"]
    assert carrying(index, b"v720") == [b"/1"]
    assert carrying(index, b"other") == []


def test_what_is_gone_leaves_no_trace():
    index = Surrogates()
    index.add(b"/1", (b"a", b"b"))
    index.add(b"/2", (b"a",))
    index.discard(b"/1", (b"a", b"b", b"never"))
    index.discard(b"/1", (b"a",))
    assert carrying(index, b"a") == [b"/2"]
    assert len(index) == 1


def crowded(count):
    index = Surrogates()
    for number in range(count):
        index.add(b"/%d" % number, (b"all",))
    return index


def test_many_that_carry_a_key_come_in_parts():
    index = crowded(100_000)
    parts = list(index.carrying(b"all"))
    assert max(map(len, parts)) <= MAX_UNSHARDED
    assert {one for part in parts for one in part} == {b"/%d" % number for number in range(100_000)}
    assert sum(map(len, parts)) == 100_000


@pytest.mark.parametrize("count", [MAX_UNSHARDED, MAX_UNSHARDED + 1])
def test_what_carries_a_key_all_the_while_is_met_whatever_comes_and_goes(count):
    """A 304 takes an object out and puts it in again; others leave to the last, and newcomers are too many to lie
    together."""
    index = crowded(count)
    walk = index.carrying(b"all")
    met = set(next(walk))
    (there,) = {b"/%d" % (count - 1)} - met or {b"/0"}
    for number in range(count):
        index.discard(b"/%d" % number, (b"all",))
        if b"/%d" % number == there:
            index.add(there, (b"all",))
    index.discard(there, (b"all",))
    assert len(index) == 0
    index.add(there, (b"all",))
    for number in range(2 * MAX_UNSHARDED):
        index.add(b"/new/%d" % number, (b"all",))
    met |= {one for part in walk for one in part}
    assert there in met
