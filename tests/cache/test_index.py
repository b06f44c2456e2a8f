"""The index: alternates of a key, and what a purge reaches."""

import pytest

from cache.index import MAX_ALTERNATES, Index, PurgeRequest
from tests.cache.workbench import response
from tests.doubles.clock import FakeClock


def made(key=b"/k", foo=None, *fields, vary=b"foo"):
    request = {} if foo is None else {b"foo": foo}
    more = [(b"vary", vary)] if vary and foo is not None else []
    return response(FakeClock(), key, *more, *fields, request=request)


def entered(index, entry):
    for other in index.replaced_by(entry):
        index.remove(other)
    index.insert(entry)
    return entry


def carrying(index, key):
    return [one for _, part in index.candidates(PurgeRequest(keys=(key,))) for one in part]


def test_nothing_under_a_key():
    index = Index()
    assert index.peek(b"/k", {}) is None
    assert index.get(b"/k") == ()
    assert len(index) == 0


def test_one_entry_for_every_request():
    index = Index()
    one = entered(index, made())
    assert index.peek(b"/k", {b"foo": b"anything"}) is one
    assert index.holds(one)
    assert not index.holds(made())


def test_a_single_alternate_is_for_its_requests_only():
    """RFC 9111 §4.1."""
    index = Index()
    one = entered(index, made(foo=b"1"))
    assert index.peek(b"/k", {b"foo": b"1"}) is one
    assert index.peek(b"/k", {b"foo": b"2"}) is None
    assert index.peek(b"/k", {}) is None


def test_alternates_side_by_side():
    index = Index()
    one, two = entered(index, made(foo=b"1")), entered(index, made(foo=b"2"))
    assert index.peek(b"/k", {b"foo": b"1"}) is one
    assert index.peek(b"/k", {b"foo": b"2"}) is two
    assert index.peek(b"/k", {b"foo": b"3"}) is None
    assert index.get(b"/k") == (one, two)
    assert len(index) == 1


def test_of_several_that_match_the_latest_is_meant():
    index = Index()
    entered(index, made(foo=b"1"))
    later = entered(index, response(FakeClock(), b"/k", (b"vary", b"bar"), request={b"bar": b"2"}))
    assert index.peek(b"/k", {b"foo": b"1", b"bar": b"2"}) is later


def test_the_same_alternate_is_replaced():
    index = Index()
    one, two = entered(index, made(foo=b"1")), entered(index, made(foo=b"2"))
    again = entered(index, made(foo=b"1"))
    assert index.get(b"/k") == (two, again)
    assert not index.holds(one)


@pytest.mark.parametrize("first", [None, b"1"])
def test_an_answer_for_everybody_and_alternates_replace_each_other(first):
    index = Index()
    entered(index, made(foo=first))
    last = entered(index, made(foo=b"2") if first is None else made())
    assert index.get(b"/k") == (last,)


def test_the_oldest_of_too_many_alternates_leaves():
    index = Index()
    all_made = [entered(index, made(foo=b"%d" % number)) for number in range(MAX_ALTERNATES + 3)]
    assert index.get(b"/k") == tuple(all_made[3:])


def test_removal_leaves_the_others_and_at_last_nothing():
    index = Index()
    one, two, three = (entered(index, made(b"/k", foo, (b"surrogate-key", b"s"))) for foo in (b"1", b"2", b"3"))
    for gone, left in ((two, (one, three)), (two, (one, three)), (one, (three,)), (three, ())):
        index.remove(gone)
        assert index.get(b"/k") == left
        assert carrying(index, b"s") == ([b"/k"] if left else [])
    assert len(index) == 0


def test_new_surrogate_keys_count_and_old_ones_do_not():
    """A 304 may bring others; an alternate of the same cache key keeps its own."""
    index = Index()
    one = entered(index, made(b"/k", b"1", (b"surrogate-key", b"a b")))
    entered(index, made(b"/k", b"2", (b"surrogate-key", b"b")))
    before, one.surrogates = one.surrogates, (b"c",)
    index.rekey(one, before)
    assert [carrying(index, key) for key in (b"a", b"b", b"c")] == [[], [b"/k"], [b"/k"]]


@pytest.mark.parametrize(
    ("request_", "reached"),
    [
        (PurgeRequest(), set()),
        (PurgeRequest(urls=(b"/a/1",)), {b"/a/1"}),
        (PurgeRequest(urls=(b"/a", b"/nowhere")), set()),
        (PurgeRequest(prefixes=(b"/a/",)), {b"/a/1", b"/a/2"}),
        (PurgeRequest(prefixes=(b"/a", b"/b/1")), {b"/a/1", b"/a/2", b"/ab/1", b"/b/1"}),
        (PurgeRequest(keys=(b"odd",)), {b"/a/1", b"/b/1", b"/ab/1"}),
        (PurgeRequest(keys=(b"od", b"even")), {b"/a/2"}),
        (PurgeRequest(keys=(b"even",), urls=(b"/b/1",), prefixes=(b"/ab",)), {b"/a/2", b"/b/1", b"/ab/1"}),
        (PurgeRequest(everything=True), {b"/a/1", b"/a/2", b"/b/1", b"/ab/1", b"\0odd"}),
    ],
)
def test_what_a_purge_reaches(request_, reached):
    index = Index()
    for key in (b"/a/1", b"/a/2", b"/b/1", b"/ab/1", b"\0odd"):
        keys = {b"1": b"odd all", b"2": b"even all"}.get(key[-1:], b"")
        entered(index, made(key, None, (b"surrogate-key", keys)))
    steps = list(index.iter_reached(request_, 2))
    assert all(len(step) <= 2 for step in steps)
    keys = [entry.key for step in steps for entry in step]
    assert len(keys) == len(set(keys))
    assert set(keys) == reached


def test_a_purge_sees_each_step_as_it_stands_then():
    """Between steps others have their turns: what they removed is not met again."""
    index = Index()
    for number in range(4):
        entered(index, made(b"/%d" % number))
    steps = index.iter_reached(PurgeRequest(everything=True), 2)
    met = {entry.key for entry in next(steps)}
    assert len(met) == 2
    gone, left = {b"/0", b"/1", b"/2", b"/3"} - met
    index.remove(*index.get(gone))
    assert [entry.key for step in steps for entry in step] == [left]


@pytest.mark.parametrize("request_", [PurgeRequest(prefixes=(b"/none",)), PurgeRequest(everything=True)])
def test_no_step_of_a_purge_looks_at_many_keys(request_, monkeypatch):
    """Also where it reaches none of them: between two lists others get their turn."""
    monkeypatch.setattr("cache.index.KEYS_PER_STEP", 500)
    index = Index()
    for number in range(5000):
        index.insert(made(b"/%d" % number))
    looked = []
    candidates = index.candidates

    def counted(request):
        for count, keys in candidates(request):
            looked.append(count)
            yield count, keys

    monkeypatch.setattr(Index, "candidates", lambda self, request: counted(request))
    most = 0
    for _ in index.iter_reached(request_, 200):
        most, looked[:] = max(most, sum(looked)), []
    assert 0 < most <= 500 + 100
