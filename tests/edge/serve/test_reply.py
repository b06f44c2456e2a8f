"""What our member of Cache-Status says of a reply, and what its Age is."""

from types import SimpleNamespace

import pytest

from edge.serve.reply import Reply
from kernel.vocabulary import Outcome
from tests.cache.workbench import response
from tests.scenario.clock import FakeClock


def reply(*, collapsed=False):
    clock = FakeClock()
    entry = response(clock, b"/k")
    cache = SimpleNamespace(surely_takes=lambda cost: cost > 0, stored=lambda key: [entry] if key == b"/k" else [])
    story = SimpleNamespace(clock=clock, node=SimpleNamespace(name=b"e"), cache=cache)
    made = Reply(story, None, SimpleNamespace(on_lost=None), None, None, None, 0.0)
    made.collapsed = collapsed
    return made, entry


@pytest.mark.parametrize(
    ("outcome", "collapsed", "told"),
    [
        (Outcome.HIT, False, b"e; hit; ttl=60"),
        (Outcome.MISS, False, b"e; fwd=uri-miss; stored"),
        (Outcome.COLLAPSED, True, b"e; fwd=uri-miss; collapsed"),
        (Outcome.REVALIDATED, False, b"e; fwd=stale; fwd-status=304"),
    ],
)
def test_cache_status(outcome, collapsed, told):
    made, entry = reply(collapsed=collapsed)
    assert made.stored_status(entry, outcome) == told


def test_the_age_of_what_came_just_now_is_what_upstream_told():
    made, entry = reply()
    assert (made.age_of(entry, Outcome.MISS), made.age_of(entry, Outcome.HIT)) == (None, 0)
    entry.set_fields([*entry.fields, (b"age", b"0")])
    assert made.age_of(entry, Outcome.MISS) == 0
