"""What an upstream's answer is good for, as a table."""

from dataclasses import replace

import pytest

from cache.cache import PurgeRequest
from cache.entry import Entry
from cache.fills.fill import Fill
from edge.fill.cacheability import (
    StoreDecision,
    decide_storage,
    freshened,
    invalidated_by,
    release_reason,
    waiters_to_release,
)
from edge.policy.route import DEFAULT_ROUTE, GENERAL, Routes, general_route
from edge.slices.content_range import Part
from edge.wire.request import Request
from kernel.fetch_reasons import NotStorable, ReleaseReason
from kernel.http.freshness import Verdict
from tests.cache.workbench import response
from tests.doubles.clock import FakeClock


def verdict(
    why: NotStorable | None = None, *, age: float = 0, lifetime: float = 60, swr: float = 0, sie: float = 0
) -> Verdict:
    return Verdict(why, age, lifetime, swr, sie, must_revalidate=False)


@pytest.mark.parametrize(
    ("status", "told", "more", "kept", "shared"),
    [
        (200, verdict(), {}, True, True),
        (200, verdict(), {"fits": False}, False, False),
        (200, verdict(), {"doomed": True}, False, True),
        (200, verdict(lifetime=0), {}, False, True),
        (200, verdict(lifetime=0), {"validator": True}, True, True),
        (200, verdict(lifetime=0, swr=5), {}, True, True),
        (200, verdict(lifetime=0, sie=5), {}, True, True),
        (200, verdict(age=60), {}, False, True),
        (200, verdict(NotStorable.PRIVATE), {}, False, False),
        (500, verdict(NotStorable.STATUS), {}, False, True),
        (503, verdict(NotStorable.NO_FRESHNESS), {}, False, True),
        (503, verdict(NotStorable.PRIVATE), {}, False, False),
        (404, verdict(NotStorable.STATUS), {}, False, False),
    ],
)
def test_what_an_answer_is_good_for(status: int, told: Verdict, more: dict, kept: bool, shared: bool):
    found = decide_storage(status, told, **({"fits": True, "doomed": False, "validator": False} | more))
    assert (found.kept, found.shared) == (kept, shared)


@pytest.mark.parametrize(
    ("fields", "more"),
    [
        ([], []),
        ([(b"location", b"/b?c")], [b"h/b?c"]),
        ([(b"content-location", b"http://H/d")], [b"h/d"]),
        ([(b"content-location", b"http://h:80/d#x")], [b"h/d"]),
        ([(b"content-location", b"https://h:443/d?")], [b"h/d?"]),
        ([(b"location", b"c")], [b"h/c"]),
        ([(b"location", b"?q")], [b"h/a?q"]),
        ([(b"location", b"http://h:81/d"), (b"location", b"ftp://h/d"), (b"location", b"http://u@h/d")], []),
        ([(b"location", b"http://other/b"), (b"content-location", b"http://[")], []),
        ([(b"location", b"/a b")], []),
    ],
)
def test_an_unsafe_request_changes_its_target_and_what_the_answer_names_at_the_same_host(fields, more):
    """RFC 9111 §4.4."""
    asked = general_route(Request(b"POST", b"/a", {b"host": b"h"}, 1, keep_alive=True))
    assert not isinstance(asked, str)
    assert invalidated_by(asked, {b"host": b"h"}, fields) == PurgeRequest(urls=(b"h/a", *more))


def test_all_alternates_that_a_route_keys_are_changed():
    """Whatever the keyed fields of the unsafe request itself were."""
    routes = Routes(replace(GENERAL.default, key_fields=(b"x",)))
    asked = general_route(Request(b"POST", b"/a", {b"host": b"h", b"x": b"1"}, 1, keep_alive=True), routes)
    assert not isinstance(asked, str)
    found = invalidated_by(asked, {b"host": b"h"}, [(b"location", b"/b")])
    assert found == PurgeRequest(prefixes=(b"h/a\n", b"h/b\n"))


def test_a_304_gives_its_fields_and_takes_the_old_date():
    stale = Entry(b"k", 200, [(b"date", b"old"), (b"x", b"1"), (b"etag", b'"a"')], 5)
    assert freshened(stale, [(b"x", b"2")]) == [(b"etag", b'"a"'), (b"x", b"2")]


KEPT, SHARED, PRIVATE = (
    StoreDecision(kept=True, shared=True, why=None),
    StoreDecision(kept=False, shared=True, why=NotStorable.PURGED),
    StoreDecision(kept=False, shared=False, why=NotStorable.PRIVATE),
)


class Waits:
    """A reader who wants an alternate or not, and bytes from `first` to `stop`."""

    def __init__(self, matches=True, first=0, stop=10, alike=True):
        self._matches, self.first, self.stop, self._alike = matches, first, stop, alike

    def matches(self, entry):
        return self._matches

    def sends_same_request(self, request):
        return self._alike

    def is_covered_by(self, entry, first, stop):
        return first <= self.first and self.stop <= stop


def freed(decision, part=None, vary=b"Accept", status=200, route=DEFAULT_ROUTE):
    fill = Fill(b"/k", 0.0)
    readers = {"leader": Waits(), "same": Waits(), "other": Waits(matches=False), "far": Waits(first=5, stop=20)}
    readers["unlike"] = Waits(alike=False)
    fill.leader = readers["leader"]
    entry = response(FakeClock(), b"/k", (b"vary", vary))
    entry.status = status
    rule = waiters_to_release(fill, entry, decision, part, route)
    return [] if rule is None else [name for name, reader in readers.items() if rule(reader)]


@pytest.mark.parametrize(
    ("decision", "part", "gone"),
    [
        (KEPT, None, ["other"]),
        (SHARED, None, ["other"]),
        (PRIVATE, None, ["same", "other", "far", "unlike"]),
        (SHARED, Part(0, 10, 30), ["far"]),
        (PRIVATE, Part(0, 10, 30), ["same", "other", "far", "unlike"]),
        (PRIVATE, Part(5, 20, 30), ["leader", "same", "other", "far", "unlike"]),
    ],
)
def test_whom_it_frees(decision, part, gone):
    assert freed(decision, part) == gone


def test_what_does_not_vary_is_for_all():
    assert freed(KEPT, vary=b"") == []


def test_an_error_is_for_those_who_asked_alike_where_all_fields_go_upstream():
    """One viewer's field may have made it; nothing of a viewer's making goes up in media."""
    everything = GENERAL.default
    assert freed(SHARED, status=503, route=everything) == ["other", "unlike"]
    assert freed(SHARED, status=503, vary=b"", route=everything) == ["other", "unlike"]
    assert freed(SHARED, status=503, vary=b"") == []
    assert freed(KEPT, status=404, vary=b"", route=everything) == []


@pytest.mark.parametrize(
    ("decision", "reason"),
    [
        (KEPT, ReleaseReason.ALTERNATE),
        (SHARED, ReleaseReason.ALTERNATE),
        (PRIVATE, ReleaseReason.LEADER_ONLY),
        (replace(PRIVATE, why=NotStorable.RANGE), ReleaseReason.RANGE),
        (replace(PRIVATE, why=NotStorable.LOOP), ReleaseReason.REQUEST_ONLY),
        (replace(PRIVATE, why=NotStorable.AUTHORIZATION), ReleaseReason.REQUEST_ONLY),
    ],
)
def test_why_the_others_are_released(decision, reason):
    assert release_reason(decision) is reason
