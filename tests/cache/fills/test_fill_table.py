"""Running fills by cache key (what a purge does to them is in test_purge.py)."""

from cache.fills import fill_table
from cache.fills.fill import Fill
from cache.fills.fill_table import FillTable
from cache.index import PurgeRequest
from tests.cache.workbench import response
from tests.doubles.clock import FakeClock


def test_found_until_its_end():
    filling, fill = FillTable(), Fill(b"/k", 0.0)
    filling.register(fill)
    assert filling.find(b"/k", {}) is fill
    assert b"/k" in filling
    filling.remove(fill)
    filling.remove(fill)
    assert not filling


def test_the_end_of_one_that_was_replaced_is_not_the_end_of_the_other():
    filling, doomed, fill = FillTable(), Fill(b"/k", 0.0), Fill(b"/k", 0.0)
    filling.register(doomed)
    filling.register(fill)
    filling.remove(doomed)
    assert list(filling) == [fill]


def test_a_purge_leaves_the_others():
    filling, reached, other = FillTable(), Fill(b"/k", 0.0), Fill(b"/other", 0.0)
    filling.register(reached)
    filling.register(other)
    filling.purge(PurgeRequest(urls=(b"/k",)))
    assert list(filling) == [other]
    assert (reached.purged, other.purged) == (True, False)


def varying(clock, accept):
    """An answer that varies by Accept, as it was asked for."""
    return response(clock, b"/k", (b"vary", b"Accept"), request={b"accept": accept})


def test_before_anything_is_known_all_wait_for_one():
    filling, first = FillTable(), Fill(b"/k", 0.0, None, {b"accept": b"a"})
    filling.register(first)
    assert filling.find(b"/k", {b"accept": b"b"}) is first


def test_each_alternate_has_a_fill_of_its_own_once_it_is_known_by_what_answers_vary():
    filling, clock = FillTable(), FakeClock()
    filling.remember_vary(varying(clock, b"a"))
    a, b = (Fill(b"/k", 0.0, None, {b"accept": one}) for one in (b"a", b"b"))
    filling.register(a)
    assert filling.find(b"/k", {b"accept": b"b"}) is None
    filling.register(b)
    assert [filling.find(b"/k", {b"accept": one}) for one in (b"a", b"b", b"c")] == [a, b, None]
    a.receive_head(varying(clock, b"c"), kept=True)
    assert [filling.find(b"/k", {b"accept": one}) for one in (b"a", b"b", b"c")] == [None, b, a]
    filling.remember_vary(response(clock, b"/k"))
    assert filling.find(b"/k", {b"accept": b"z"}) is b


def test_what_is_stored_says_by_what_answers_vary_too():
    filling, stored = FillTable(), varying(FakeClock(), b"a")
    filling.register(Fill(b"/k", 0.0, None, {b"accept": b"a"}))
    assert filling.find(b"/k", {b"accept": b"b"}, stored) is None


def test_an_overdue_fill_is_found_no_more_and_purged_all_the_same():
    filling, fill = FillTable(), Fill(b"/k", 0.0)
    filling.register(fill)
    filling.detach(fill)
    assert (filling.find(b"/k", {}), len(filling)) == (None, 0)
    filling.purge(PurgeRequest(everything=True))
    assert fill.purged


def test_remembered_vary_fields_are_bounded(monkeypatch):
    monkeypatch.setattr(fill_table, "MAX_VARYING", 1)
    filling, clock, fill = FillTable(), FakeClock(), Fill(b"/k", 0.0, None, {b"accept": b"a"})
    filling.register(fill)
    filling.remember_vary(varying(clock, b"a"))
    assert filling.find(b"/k", {b"accept": b"b"}) is None
    filling.remember_vary(response(clock, b"/other", (b"vary", b"Accept"), request={}))
    assert filling.find(b"/k", {b"accept": b"b"}) is fill
