"""The RAM tier."""

import tracemalloc

import pytest

from cache.entry import Entry
from cache.eviction.choice import POLICIES
from cache.eviction.lru import Lru
from cache.index import Index
from cache.ram import RamTier
from tests.cache.workbench import response
from tests.doubles.clock import FakeClock


def tier(budget=10_000, *, alone=False):
    return RamTier(budget, Lru(budget), alone=alone)


def entry(name, length):
    return Entry(name, 200, [], length)


@pytest.mark.parametrize(("alone", "largest"), [(False, 1250), (True, 5000)])
def test_what_it_takes(alone, largest):
    """Large ones stay out where a disk can have them."""
    ram = tier(alone=alone)
    assert ram.fits(largest)
    assert not ram.fits(largest + 1)


def test_bodies_come_and_the_victims_lose_theirs():
    ram = tier()
    entries = [entry(b"/%d" % number, 1000) for number in range(8)]
    gone = []
    for one in entries:
        gone += [left.entry for left in ram.put(one, b"x" * 1000)]
    assert gone == entries[: len(gone)] != []
    assert all(one.body is None for one in gone)
    assert all(one.body is not None for one in entries[len(gone) :])
    assert ram.used == sum(one.cost for one in entries[len(gone) :]) <= ram.budget


def test_touch_and_drop():
    ram = tier(2500)
    one, two, three = (entry(b"/%d" % number, 300) for number in range(3))
    ram.put(one, b"")
    ram.put(two, b"")
    ram.touch(one)
    assert [left.entry for left in ram.put(three, b"")] == [two]
    ram.drop(one)
    ram.drop(one)
    assert one.body is None
    assert ram.used == three.cost


def test_one_larger_than_the_budget_is_its_own_victim():
    """The cache does not ask for it (`takes`); were it done, nothing but that object would leave."""
    ram = tier(500)
    one = entry(b"/1", 1000)
    assert ram.put(one, b"x") == [(one, b"x", False)]
    assert ram.used == 0


def test_a_policy_that_gives_nobody_up_ends_the_search():
    class Stubborn(Lru):
        def evict(self):
            return None

    ram = RamTier(10, Stubborn(10), alone=False)
    assert ram.put(entry(b"/1", 100), b"x") == []


@pytest.mark.parametrize("count", [1, 6, 12])
def test_what_is_counted_is_what_small_objects_take(count):
    """By tracemalloc, with index and policy, as 200,000 requests for them leave it: 4 KiB each, with so many fields."""
    clock, index, ram = FakeClock(), Index(), RamTier(4 << 20, POLICIES["s3fifo"](4 << 20), alone=False)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(3000):
            fields = [(b"x-field-%d" % one, b"value %d of %d" % (one, number)) for one in range(count)]
            entry = response(clock, b"bunny/v720/%05d.m4s" % number, *fields, length=4096)
            index.insert(entry)
            for left in ram.put(entry, bytes(4096)):
                index.remove(left.entry)
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert after - before <= 1.1 * ram.used
