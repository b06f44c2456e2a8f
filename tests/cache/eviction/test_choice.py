"""Policies by name."""

import pytest

from cache.entry import Entry
from cache.eviction.choice import POLICIES, S3FifoTuning
from cache.eviction.lru import Lru
from cache.eviction.s3fifo import S3Fifo


@pytest.mark.parametrize(("name", "kind"), [("s3fifo", S3Fifo), ("lru", Lru)])
def test_names(name, kind):
    assert isinstance(POLICIES[name](100), kind)


@pytest.mark.parametrize("make", [lambda name: Entry(name, 200, [], 1), bytes], ids=["entries", "other keys"])
def test_a_returning_object_is_kept_longer_than_new_ones(make):
    """The ghost remembers entries by cache key: a refetched object is another entry with the same key."""
    policy = POLICIES["s3fifo"](100)
    policy.insert(make(b"/returns"), 10)
    policy.evict()
    returned = make(b"/returns")
    policy.insert(returned, 10)
    others = [make(b"/new%d" % number) for number in range(3)]
    for other in others:
        policy.insert(other, 10)
    assert [policy.evict(), policy.evict()] == others[:2]
    assert returned in policy


def test_s3fifo_uses_the_tuning():
    policy = POLICIES["s3fifo"](100, S3FifoTuning(small_share=0.5, promote_after=2))
    for key in "abcdef":
        policy.insert(key, 10)
    policy.touch("a")
    assert policy.evict() == "a", "one hit does not promote"


def test_lru_ignores_the_tuning():
    assert isinstance(POLICIES["lru"](100, S3FifoTuning(small_share=0.5, promote_after=2)), Lru)
