"""Sets of keys that change while they are walked."""

import pytest

from cache.sharded_keys import PARTS, ShardedKeyList, ShardedKeySet


def keys(count):
    return [b"/%d" % number for number in range(count)]


def walked(roll):
    return [key for part in roll.walk() for key in part]


def test_a_roll_holds_what_was_added_and_not_discarded():
    roll = ShardedKeyList()
    for key in keys(20_000):
        roll.add(key)
    for key in keys(20_000)[::3]:
        roll.discard(key)
    assert sorted(walked(roll)) == sorted(set(keys(20_000)) - set(keys(20_000)[::3]))
    assert max(len(part) for part in roll.walk()) < 100


def test_a_walk_meets_once_what_is_in_all_the_while():
    roll = ShardedKeyList()
    for key in keys(20_000):
        roll.add(key)
    walk, met = roll.walk(), []
    for number, part in enumerate(walk):
        met += part
        if number < 5_000:
            roll.discard(b"/%d" % (2 * number))
            roll.add(b"/new/%d" % number)
    stayed = [key for number, key in enumerate(keys(20_000)) if number % 2 or number >= 10_000]
    assert set(stayed) <= set(met)
    assert len(met) == len(set(met))


@pytest.mark.parametrize("count", [0, 1, 5000])
def test_members_are_counted_however_many(count):
    members = ShardedKeySet(keys(count))
    for key in keys(count):
        members.add(key)
    members.discard(b"never")
    parts = [members.part(number) for number in range(PARTS)]
    assert sorted(one for part in parts for one in part) == sorted(keys(count))
    assert len(members) == count
    assert max(map(len, parts)) < 100
    for key in keys(count):
        members.discard(key)
    assert not members
