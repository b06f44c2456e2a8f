"""S3-FIFO's own rules (what all policies must do is in test_policy.py)."""

import weakref

from cache.eviction.s3fifo import MAX_HITS, S3Fifo


def filled(*keys, budget=100, **more):
    policy = S3Fifo(budget, **more)
    for key in keys:
        policy.insert(key, 10)
    return policy


def test_who_was_never_asked_for_leaves_in_order_of_arrival():
    policy = filled("a", "b", "c")
    assert [policy.evict() for _ in range(4)] == ["a", "b", "c", None]


def test_one_hit_in_small_leads_to_main():
    policy = filled("a", "b", "c")
    policy.touch("a")
    assert policy.evict() == "b"
    assert list(policy._main) == ["a"]


def test_promotion_may_ask_for_more_hits():
    policy = filled("a", "b", "c", "d", promote_after=2)
    policy.touch("a")
    policy.touch("b")
    policy.touch("b")
    assert [policy.evict(), policy.evict()] == ["a", "c"]


def test_who_comes_back_from_the_ghost_list_enters_main():
    policy = filled("a", "b")
    assert policy.evict() == "a"
    policy.insert("a", 10)
    assert list(policy._main) == ["a"]
    assert not policy._ghost.pop(hash("a")), "it is back: no ghost any more"


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
    assert list(policy._main) == list(range(11, 20))


def test_two_keys_with_one_mark_are_taken_for_one_another_and_harm_nothing():
    policy = S3Fifo(100, mark=lambda key: 0)
    policy.insert("a", 10)
    policy.insert("b", 20)
    assert [policy.evict(), policy.evict()] == ["a", "b"]
    policy.insert("c", 5)
    policy.insert("d", 5)
    assert list(policy._main) == ["c"]


def test_the_ghost_list_keeps_no_key_alive():
    class Key:
        """Something that can be watched."""

    key = Key()
    policy, watched = filled(key), weakref.ref(key)
    assert policy.evict() is key
    del key
    assert watched() is None


def test_churn_without_evictions_leaves_no_pile_of_dead_nodes():
    policy = filled("stays", budget=10_000)
    for number in range(10_000):
        policy.insert(number, 1)
        policy.remove(number)
    assert len(policy._small) <= 2 * 66


def test_dead_nodes_in_main_are_passed_over():
    policy = filled("a", "b")
    policy.evict()
    policy.evict()
    policy.insert("a", 10)
    policy.insert("b", 10)
    policy.remove("a")
    assert policy.evict() == "b"
    assert policy._dead == 0


def test_an_empty_small_queue_with_only_dead_nodes():
    policy = filled("a", "b")
    policy.remove("a")
    assert policy.evict() == "b"
    assert policy.evict() is None


def test_a_key_that_left_and_came_back_has_one_place():
    """Its old places in both queues are passed over, as often as it left."""
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
    assert policy._dead == 0


def test_who_left_says_whether_it_was_asked_for():
    policy = filled("a", "b")
    policy.evict()
    assert not policy.was_wanted
    policy.touch("b")
    policy.evict()
    assert policy.was_wanted


def test_the_first_use_of_what_was_prefetched_is_no_hit():
    """Its fetch was none: asked for once, it leaves small like any object that was asked for once."""
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
    assert policy.hits("a") == 1  # in main nothing is taken back
    policy.untouch("unknown")


def test_what_yields():
    """The oldest of small that nobody asked for; never what main holds."""
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
    assert policy._main
    assert not policy.fits_without_eviction(5)
