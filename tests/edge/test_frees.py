"""Whom an answer is not for."""

import pytest

from cache.fill import Fill
from edge.frees import whom_it_frees, why_freed
from edge.judge import Judgement
from edge.parts import Part
from tests.cache.workbench import response
from tests.scenario.clock import FakeClock

KEPT, SHARED, PRIVATE = (
    Judgement(kept=True, shared=True, why=""),
    Judgement(kept=False, shared=True, why="purged"),
    Judgement(kept=False, shared=False, why="private"),
)


class Waits:
    """A reader who wants an alternate or not, and bytes from `first` to `stop`."""

    def __init__(self, matches=True, first=0, stop=10):
        self._matches, self.first, self.stop = matches, first, stop

    def matches(self, entry):
        return self._matches

    def covered(self, entry, first, stop):
        return first <= self.first and self.stop <= stop


def freed(decision, part=None, vary=b"Accept"):
    fill = Fill(b"/k", 0.0)
    readers = {"leader": Waits(), "same": Waits(), "other": Waits(matches=False), "far": Waits(first=5, stop=20)}
    fill.leader = readers["leader"]
    rule = whom_it_frees(fill, response(FakeClock(), b"/k", (b"vary", vary)), decision, part)
    return [] if rule is None else [name for name, reader in readers.items() if rule(reader)]


@pytest.mark.parametrize(
    ("decision", "part", "gone"),
    [
        (KEPT, None, ["other"]),
        (SHARED, None, ["other"]),
        (PRIVATE, None, ["same", "other", "far"]),
        (SHARED, Part(0, 10, 30), ["far"]),
        (PRIVATE, Part(0, 10, 30), ["same", "other", "far"]),
        (PRIVATE, Part(5, 20, 30), ["leader", "same", "other", "far"]),
    ],
)
def test_whom_it_frees(decision, part, gone):
    assert freed(decision, part) == gone


def test_what_does_not_vary_is_for_all():
    assert freed(KEPT, vary=b"") == []


def test_what_they_hear():
    assert [why_freed(one) for one in (KEPT, SHARED, PRIVATE)] == ["alternate", "alternate", "private"]
