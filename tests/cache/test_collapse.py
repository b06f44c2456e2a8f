"""Running fills by cache key (what a purge does to them is in test_purge.py)."""

from cache.collapse import Filling
from cache.fill import Fill
from cache.index import PurgeRequest


def test_found_until_its_end():
    filling, fill = Filling(), Fill(b"/k", 0.0)
    filling.begin(fill)
    assert filling[b"/k"] is fill
    filling.ended(fill)
    filling.ended(fill)
    assert not filling


def test_the_end_of_one_that_was_replaced_is_not_the_end_of_the_other():
    filling, doomed, fill = Filling(), Fill(b"/k", 0.0), Fill(b"/k", 0.0)
    filling.begin(doomed)
    filling.begin(fill)
    filling.ended(doomed)
    assert filling == {b"/k": fill}


def test_a_purge_leaves_the_others():
    filling, reached, other = Filling(), Fill(b"/k", 0.0), Fill(b"/other", 0.0)
    filling.begin(reached)
    filling.begin(other)
    filling.purge(PurgeRequest(urls=(b"/k",)))
    assert filling == {b"/other": other}
    assert (reached.doomed, other.doomed) == (True, False)
