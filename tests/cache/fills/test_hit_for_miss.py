"""Hit-for-miss: remembered for a while, bounded in number."""

from cache.fills.hit_for_miss import MAX_REMEMBERED, HitForMiss


def test_a_word_holds_until_its_time():
    misses = HitForMiss()
    misses.remember(b"/k", 10.0)
    assert misses.holds(b"/k", 9.9)
    assert not misses.holds(b"/k", 10.0)
    assert not misses.holds(b"/other", 0.0)


def test_a_shared_answer_takes_the_word_back():
    misses = HitForMiss()
    misses.remember(b"/k", 10.0)
    misses.forget(b"/k")
    misses.forget(b"/never")
    assert not misses.holds(b"/k", 0.0)


def test_the_oldest_word_leaves_when_there_are_too_many():
    misses = HitForMiss()
    misses.remember(b"old", 10.0)
    misses.remember(b"renewed", 10.0)
    for number in range(MAX_REMEMBERED - 2):
        misses.remember(b"%d" % number, 10.0)
    misses.remember(b"old", 10.0)
    misses.remember(b"new", 10.0)
    assert len(misses) == MAX_REMEMBERED
    assert misses.holds(b"old", 0.0)
    assert not misses.holds(b"renewed", 0.0)
