"""Whom an answer is not for."""

from dataclasses import replace

import pytest

from cache.fills.fill import Fill
from edge.fill.cacheability import StoreDecision
from edge.fill.waiter_release import release_reason, waiters_to_release
from edge.policy.route import GENERAL
from edge.policy.routes import PLAIN
from edge.slices.content_range import Part
from kernel.fetch_reasons import NotStorable, ReleaseReason
from tests.cache.workbench import response
from tests.scenario.clock import FakeClock

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


def freed(decision, part=None, vary=b"Accept", status=200, route=PLAIN):
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
