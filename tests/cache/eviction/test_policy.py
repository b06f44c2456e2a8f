"""What every policy owes: books that agree, room when asked for, nothing left of what is gone."""

import random
import weakref

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cache.eviction.lru import Lru
from cache.eviction.policy import Policy
from cache.eviction.s3fifo import S3Fifo

BUDGET = 100
KEYS = st.integers(0, 30)
MAKERS = {"lru": Lru, "s3fifo": S3Fifo, "s3fifo-wide": lambda budget: S3Fifo(budget, 0.5, 2)}


class Books(RuleBasedStateMachine):
    """A dictionary beside the policy; after each insertion room is made as a tier makes it."""

    make = Lru

    def __init__(self):
        super().__init__()
        self.policy: Policy = self.make(BUDGET)
        self.sizes = {}

    @rule(key=KEYS, size=st.integers(0, 60))
    def insert(self, key, size):
        self.policy.insert(key, size)
        self.sizes[key] = size
        while self.policy.used > BUDGET:
            victim = self.policy.evict()
            assert victim in self.sizes
            assert victim not in self.policy
            del self.sizes[victim]

    @rule(key=KEYS)
    def touch(self, key):
        self.policy.touch(key)

    @rule(key=KEYS)
    def remove(self, key):
        self.policy.remove(key)
        self.sizes.pop(key, None)

    @rule()
    def evict(self):
        victim = self.policy.evict()
        assert (victim is None) == (not self.sizes)
        if victim is not None:
            del self.sizes[victim]

    @invariant()
    def the_books_agree(self):
        assert self.policy.used == sum(self.sizes.values()) <= BUDGET
        assert len(self.policy) == len(self.sizes)
        assert all(key in self.policy for key in self.sizes)
        assert not any(key in self.policy for key in range(31) if key not in self.sizes)


@pytest.mark.parametrize("name", MAKERS)
def test_books(name):
    machine = type("Books_" + name, (Books,), {"make": staticmethod(MAKERS[name])})
    case = machine.TestCase
    case.settings = settings(max_examples=25, stateful_step_count=50, deadline=None)
    case().runTest()


class Key:
    """An object that a weak reference can follow."""


@pytest.mark.parametrize("name", MAKERS)
def test_removed_keys_do_not_pile_up(name):
    """A key that is removed, not evicted, leaves its slot in the queue: the slots must not grow without bound."""
    policy, kept, references = MAKERS[name](100_000), Key(), []
    policy.insert(kept, 1)
    for number in range(1000):
        key = Key()
        references.append(weakref.ref(key))
        policy.insert(key, 1)
        if number % 2:
            policy.insert(key, 2)  # replaced: another dead slot
        policy.remove(key)
        del key
        assert sum(one() is not None for one in references) <= 66
    assert policy.evict() is kept


@pytest.mark.parametrize("name", MAKERS)
@given(order=st.permutations(range(12)))
def test_all_leave_in_the_end_and_each_once(name, order):
    policy = MAKERS[name](1000)
    for key in order:
        policy.insert(key, 10)
        policy.touch(order[0])
    assert sorted(policy.evict() for _ in order) == sorted(order)
    assert policy.evict() is None
    assert policy.used == len(policy) == 0


def byte_misses(policy, trace, budget):
    """Bytes missed over a trace of (key, size)."""
    missed = 0
    for key, size in trace:
        if key in policy:
            policy.touch(key)
            continue
        missed += size
        policy.insert(key, size)
        while policy.used > budget:
            policy.evict()
    return missed


def zipf_with_one_hit_wonders(requests, seed):
    """Half the requests by Zipf over 2,000 objects, half for objects that are never asked for again."""
    chance = random.Random(seed)
    ranks = range(1, 2001)
    popular = chance.choices(ranks, weights=[1 / rank for rank in ranks], k=requests)
    return [(key, 100) if chance.random() < 0.5 else (-number, 100) for number, key in enumerate(popular, 1)]


def test_s3fifo_misses_fewer_bytes_than_lru_among_one_hit_wonders():
    """What the policy is for (Yang et al., SOSP 2023)."""
    trace, budget = zipf_with_one_hit_wonders(40_000, seed=7), 20_000
    ours, lru = (byte_misses(make(budget), trace, budget) for make in (S3Fifo, Lru))
    assert ours < 0.93 * lru


def test_a_hot_object_survives_a_scan_in_s3fifo():
    """Ten times the cache in objects asked for once pushes out nothing that is asked for now and then."""
    policy = S3Fifo(1000)
    policy.insert("hot", 10)
    policy.touch("hot")
    for number in range(1000):
        policy.insert(number, 10)
        while policy.used > 1000:
            assert policy.evict() != "hot"
    assert "hot" in policy


def test_the_same_scan_pushes_it_out_of_lru():
    policy = Lru(1000)
    policy.insert("hot", 10)
    policy.touch("hot")
    assert byte_misses(policy, [(number, 10) for number in range(1000)], 1000)
    assert "hot" not in policy
