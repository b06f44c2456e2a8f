"""S3-FIFO's own rules (what all policies must do is in test_policy.py)."""

import weakref

from cache.eviction.s3fifo import MAX_HITS, S3Fifo


def filled(*keys, budget=100, **more):
    policy = S3Fifo(budget, **more)
    for key in keys:
        policy.insert(key, 10)
    return policy


def drained(policy):
    """Everything in the order of eviction."""
    return [policy.evict() for _ in range(len(policy))]


def test_objects_without_a_hit_are_evicted_in_order_of_arrival():
    policy = filled("a", "b", "c")
    assert [policy.evict() for _ in range(4)] == ["a", "b", "c", None]


def test_one_hit_in_small_leads_to_main():
    """From small "a" would be evicted next: in main it outlives all that are over the share of small."""
    policy = filled("a", "b", "c", "d")
    policy.touch("a")
    assert [policy.evict(), policy.evict()] == ["b", "c"]
    policy.insert("e", 10)
    assert policy.evict() == "d"
    assert drained(policy) == ["a", "e"]


def test_promotion_may_ask_for_more_hits():
    policy = filled("a", "b", "c", "d", promote_after=2)
    policy.touch("a")
    policy.touch("b")
    policy.touch("b")
    assert [policy.evict(), policy.evict()] == ["a", "c"]


def test_an_object_that_returns_while_the_ghost_remembers_it_enters_main():
    policy = filled("a", "b")
    assert policy.evict() == "a"
    policy.insert("a", 10)
    policy.insert("c", 10)
    assert policy.evict() == "b", "small is over its share, and only b and c are in it"
    assert drained(policy) == ["a", "c"]


def test_the_ghost_forgets_an_object_that_returned():
    policy = filled("a", "b")
    assert policy.evict() == "a"
    policy.insert("a", 10)
    policy.remove("a")
    policy.insert("a", 10)
    assert drained(policy) == ["b", "a"], "it is new in small again, behind b"


def test_main_gives_another_round_for_each_hit():
    policy = filled("a", "b")
    for key in "ab":
        assert policy.evict() == key
    policy.insert("a", 10)
    policy.insert("b", 10)
    policy.touch("a")
    assert [policy.evict(), policy.evict(), policy.evict()] == ["b", "a", None]


def test_hits_count_up_to_three():
    policy = filled("a")
    for _ in range(9):
        policy.touch("a")
    assert policy.hits("a") == MAX_HITS


def test_small_over_its_share_gives_way_before_main():
    policy = filled("m", "x")
    assert policy.evict() == "m"
    policy.insert("m", 10)
    policy.insert("n", 10)
    assert [policy.evict(), policy.evict()] == ["x", "m"], "one in small is its share: then main gives"
    assert policy.evict() == "n"


def test_the_ghost_list_is_bounded_by_bytes_and_forgets_the_oldest():
    policy = S3Fifo(100)
    for key in range(20):
        policy.insert(key, 10)
        policy.evict()
    for key in range(20):
        policy.insert(key, 10)
    evicted = drained(policy)
    assert evicted[:10] == list(range(10)), "small is over its share: the forgotten ones go first"
    assert evicted[10:] == [*range(11, 20), 10], "the remembered ones are in main"


def test_a_key_whose_mark_the_ghost_remembers_for_another_key_enters_main():
    policy = S3Fifo(100, mark=lambda key: 0)
    policy.insert("a", 10)
    policy.insert("b", 20)
    assert [policy.evict(), policy.evict()] == ["a", "b"]
    policy.insert("c", 5)
    policy.insert("d", 5)
    policy.insert("e", 10)
    assert drained(policy) == ["d", "c", "e"]


def test_the_ghost_list_keeps_no_key_alive():
    class Key:
        """Something that can be watched."""

    key = Key()
    policy, watched = filled(key), weakref.ref(key)
    assert policy.evict() is key
    del key
    assert watched() is None


def test_churn_without_evictions_keeps_no_removed_key_alive():
    class Key:
        """An object whose lifetime can be watched."""

    policy = filled("stays", budget=10_000)
    removed = []
    for _ in range(1000):
        key = Key()
        policy.insert(key, 1)
        policy.remove(key)
        removed.append(weakref.ref(key))
    del key
    assert sum(one() is not None for one in removed) <= 2 * 66


def test_removed_keys_in_main_are_skipped():
    policy = filled("a", "b")
    policy.evict()
    policy.evict()
    policy.insert("a", 10)
    policy.insert("b", 10)
    policy.remove("a")
    assert [policy.evict(), policy.evict()] == ["b", None]


def test_a_small_queue_with_only_removed_keys():
    policy = filled("a", "b")
    policy.remove("a")
    assert policy.evict() == "b"
    assert policy.evict() is None


def test_a_key_that_left_and_came_back_has_one_place():
    """Its old places in both queues are skipped, as often as it was removed."""
    policy = filled("a", "b")
    for _ in range(3):
        policy.remove("a")
        policy.insert("a", 10)
    assert [policy.evict() for _ in range(3)] == ["b", "a", None]
    policy.insert("a", 10)
    policy.remove("a")
    policy.insert("a", 10)
    policy.insert("b", 10)
    assert [policy.evict() for _ in range(3)] == ["b", "a", None]


def test_was_wanted_says_whether_the_evicted_object_had_a_hit():
    policy = filled("a", "b")
    policy.evict()
    assert not policy.was_wanted
    policy.touch("b")
    policy.evict()
    assert policy.was_wanted


def test_the_first_use_of_a_prefetched_object_is_no_hit():
    """Its fetch was no request: with one request it is evicted from small like any object with one request."""
    policy: S3Fifo[str] = S3Fifo(100, 0.5)
    policy.insert("a", 10)
    policy.untouch("a")
    policy.touch("a")
    policy.untouch("a")
    assert policy.hits("a") == 0
    policy.insert("b", 60)
    assert policy.evict() == "a"
    policy.insert("a", 10)
    policy.touch("a")
    policy.untouch("a")
    assert policy.hits("a") == 1  # in main no hit is taken back
    policy.untouch("unknown")


def test_fits_without_eviction_counts_only_objects_in_small_without_a_hit():
    policy: S3Fifo[str] = S3Fifo(100, 0.2)
    assert not policy.fits_without_eviction(1)
    for name in "abc":
        policy.insert(name, 20)
    assert policy.fits_without_eviction(60)
    assert not policy.fits_without_eviction(61)
    for name in "abc":
        policy.touch(name)
    assert not policy.fits_without_eviction(1)
    policy.insert("d", 40)
    while policy.used > 60:
        policy.evict()
    assert not policy.fits_without_eviction(5)
