"""Hits recorded by several processes in one map, and the policies that evict by them."""

import pytest

from cache.entry import Entry
from cache.eviction.choice import DEFAULT, POLICIES, shared_policy, touch_map, touch_map_size
from cache.eviction.shared_touches import HitMap, TouchingPolicy, cells_for


class Clock:
    now = 100.0

    def __call__(self):
        self.now += 1.0
        return self.now


def entries(*numbers):
    made = []
    for number in numbers:
        entry = Entry(b"/%d" % number, 200, None, 10)
        entry.disk = number
        made.append(entry)
    return made


@pytest.fixture(params=["s3fifo", "lru"])
def node(request):
    """(the owner's policy over 100 bytes, what another process records its hits in)"""
    memory, clock = bytearray(touch_map_size(request.param, 1 << 20)), Clock()
    owner = shared_policy(request.param, 100, DEFAULT, memory, clock)
    return owner, touch_map(request.param, memory, clock)


def test_a_hit_of_another_process_saves_an_object(node):
    owner, other = node
    held = entries(1, 2, 3, 4)
    for entry in held:
        owner.insert(entry, 10)
    other.record(1)
    assert [owner.evict(), owner.evict()] == held[1:3]
    assert held[0] in owner


def test_a_hit_counts_once(node):
    """Otherwise the object would never leave."""
    owner, other = node
    (entry,) = entries(1)
    owner.insert(entry, 10)
    other.record(1)
    owner.insert(*entries(2), 10)
    left = [owner.evict(), owner.evict()]
    assert set(left) - {None} == set(left)
    assert len(owner) == owner.used == 0


def test_lru_with_several_processes_is_exact():
    memory, clock = bytearray(touch_map_size("lru", 1 << 20)), Clock()
    owner, other = shared_policy("lru", 100, DEFAULT, memory, clock), touch_map("lru", memory, clock)
    held = entries(1, 2, 3, 4)
    for entry in held:
        owner.insert(entry, 10)
    other.record(2)
    owner.touch(held[0])
    other.record(3)
    assert [owner.evict() for _ in range(5)] == [held[3], held[1], held[0], held[2], None]


def test_lru_forgets_removed_and_reinserted_places():
    memory, clock = bytearray(touch_map_size("lru", 1 << 20)), Clock()
    owner = shared_policy("lru", 100, DEFAULT, memory, clock)
    one, two = entries(1, 2)
    for _ in range(300):
        owner.insert(one, 10)
    owner.insert(two, 30)
    owner.remove(two)
    assert (owner.used, len(owner), owner.evict(), owner.evict()) == (10, 1, one, None)


def test_a_worker_records_hits_of_objects_in_files_only():
    memory = bytearray(cells_for(0))
    policy = TouchingPolicy(POLICIES["s3fifo"](100), HitMap(memory))
    entry = Entry(b"/a", 200, None, 10)
    policy.insert(entry, 10)
    policy.touch(entry)
    assert not any(memory)
    entry.disk = 5 + len(memory)
    for _ in range(9):
        policy.touch(entry)
    assert HitMap(memory).pop(5) == 3
    assert not any(memory)
