"""LRU (what all policies must do is in test_policy.py)."""

from cache.eviction.lru import Lru


def test_the_one_asked_for_longest_ago_leaves():
    lru = Lru(3)
    for key in "abc":
        lru.insert(key, 1)
    lru.touch("a")
    assert [lru.evict(), lru.evict(), lru.evict(), lru.evict()] == ["b", "c", "a", None]


def test_a_key_put_in_again_is_young_and_counted_once():
    lru = Lru(3)
    lru.insert("a", 1)
    lru.insert("b", 1)
    lru.insert("a", 5)
    assert lru.used == 6
    assert lru.evict() == "b"


def test_what_yields_was_not_asked_for():
    """From the old end, up to what was asked for; the first use of what was prefetched does not count."""
    policy: Lru[str] = Lru(100)
    assert policy.fits_without_eviction(0)
    for name in "abc":
        policy.insert(name, 20)
    assert policy.fits_without_eviction(60)
    assert not policy.fits_without_eviction(61)
    policy.touch("a")  # at the young end now
    assert policy.fits_without_eviction(40)
    assert not policy.fits_without_eviction(41)
    policy.untouch("a")
    policy.untouch("unknown")
    assert policy.fits_without_eviction(60)
