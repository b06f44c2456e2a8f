"""Policies by name."""

import pytest

from cache.entry import Entry
from cache.eviction.choice import POLICIES, S3FifoTuning
from cache.eviction.lru import Lru
from cache.eviction.s3fifo import S3Fifo


@pytest.mark.parametrize(("name", "kind"), [("s3fifo", S3Fifo), ("lru", Lru)])
def test_names(name, kind):
    assert isinstance(POLICIES[name](100), kind)


def test_an_object_fetched_again_is_known_to_the_ghost_list():
    """It comes as another entry; by its cache key it is the same object come back."""
    policy = POLICIES["s3fifo"](10_000)
    first, again = Entry(b"/k", 200, [], 1), Entry(b"/k", 200, [], 1)
    policy.insert(first, 10)
    assert policy.evict() is first
    policy.insert(again, 10)
    assert list(policy._main) == [again]


def test_other_keys_than_entries_serve_as_they_are():
    policy = POLICIES["s3fifo"](10_000)
    policy.insert("k", 10)
    policy.evict()
    policy.insert("k", 10)
    assert list(policy._main) == ["k"]


def test_s3fifo_takes_the_settings_and_lru_passes_them_over():
    tuning = S3FifoTuning(small_share=0.5, promote_after=2)
    policy = POLICIES["s3fifo"](100, tuning)
    assert (policy._small_budget, policy._promote_after) == (50, 2)
    assert isinstance(POLICIES["lru"](100, tuning), Lru)
