"""The cache's counters."""

from dataclasses import asdict

from cache.counts import CacheCounts


def test_all_begin_at_nought():
    assert set(asdict(CacheCounts()).values()) == {0}
