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
