"""Loads from disk: one an entry, in the order asked, bounded in bytes."""

import pytest

from cache.disk.load_queue import MAX_CONCURRENT_LOADS, LoadQueue
from cache.entry import Entry


def entry(name, length=1):
    return Entry(name, 200, [], length)


def test_one_load_for_all_who_wait():
    loads, one, done = LoadQueue(), entry(b"/1"), [lambda body: None for _ in range(3)]
    for each in done:
        loads.enqueue(one, each)
    load = loads.next_load()
    assert load.entry is one
    assert loads.next_load() is None
    assert loads.finish(load) == done
    assert len(loads) == loads.under_way == 0


def test_who_asks_during_the_load_waits_for_it_too():
    loads, one = LoadQueue(), entry(b"/1")
    loads.enqueue(one, print)
    load = loads.next_load()
    loads.enqueue(one, repr)
    assert loads.next_load() is None
    assert loads.finish(load) == [print, repr]


def test_loads_wait_in_line_when_too_many_bytes_are_on_their_way():
    loads, large = LoadQueue(), [entry(b"/%d" % number, MAX_CONCURRENT_LOADS // 2) for number in range(4)]
    for one in large:
        loads.enqueue(one, print)
    first, second = loads.next_load(), loads.next_load()
    assert [first.entry, second.entry] == large[:2]
    assert loads.next_load() is None
    loads.finish(first)
    assert loads.next_load().entry is large[2]
    assert loads.next_load() is None


def test_one_larger_than_the_bound_is_loaded_alone():
    loads = LoadQueue()
    loads.enqueue(entry(b"/large", MAX_CONCURRENT_LOADS * 2), print)
    loads.enqueue(entry(b"/small"), print)
    load = loads.next_load()
    assert loads.next_load() is None
    loads.finish(load)
    assert loads.next_load().entry.key == b"/small"


@pytest.mark.parametrize("fields", [[(b"a", b"b" * 100)], []])
def test_the_books_agree_when_an_entry_changes_meanwhile(fields):
    """A 304 during the load changes what the entry costs."""
    loads, one = LoadQueue(), entry(b"/1")
    loads.enqueue(one, print)
    load = loads.next_load()
    one.set_fields(fields)
    loads.finish(load)
    assert loads.under_way == 0
