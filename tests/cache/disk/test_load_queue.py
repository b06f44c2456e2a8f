"""Loads from disk: one an entry, in the order asked, bounded in bytes."""

import pytest

from cache.disk.load_queue import MOST_LOADING, Loads
from cache.entry import Entry


def entry(name, length=1):
    return Entry(name, 200, [], length)


def test_one_load_for_all_who_wait():
    loads, one, done = Loads(), entry(b"/1"), [lambda body: None for _ in range(3)]
    for each in done:
        loads.ask(one, each)
    load = loads.next()
    assert load.entry is one
    assert loads.next() is None
    assert loads.ended(load) == done
    assert len(loads) == loads.under_way == 0


def test_who_asks_during_the_load_waits_for_it_too():
    loads, one = Loads(), entry(b"/1")
    loads.ask(one, print)
    load = loads.next()
    loads.ask(one, repr)
    assert loads.next() is None
    assert loads.ended(load) == [print, repr]


def test_loads_wait_in_line_when_too_many_bytes_are_on_their_way():
    loads, large = Loads(), [entry(b"/%d" % number, MOST_LOADING // 2) for number in range(4)]
    for one in large:
        loads.ask(one, print)
    first, second = loads.next(), loads.next()
    assert [first.entry, second.entry] == large[:2]
    assert loads.next() is None
    loads.ended(first)
    assert loads.next().entry is large[2]
    assert loads.next() is None


def test_one_larger_than_the_bound_is_loaded_alone():
    loads = Loads()
    loads.ask(entry(b"/large", MOST_LOADING * 2), print)
    loads.ask(entry(b"/small"), print)
    load = loads.next()
    assert loads.next() is None
    loads.ended(load)
    assert loads.next().entry.key == b"/small"


@pytest.mark.parametrize("fields", [[(b"a", b"b" * 100)], []])
def test_the_books_agree_when_an_entry_changes_meanwhile(fields):
    """A 304 during the load changes what the entry costs."""
    loads, one = Loads(), entry(b"/1")
    loads.ask(one, print)
    load = loads.next()
    one.set_fields(fields)
    loads.ended(load)
    assert loads.under_way == 0
