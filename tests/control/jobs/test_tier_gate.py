"""Shields first; late ones are named; edges are told again when these come."""

import pytest

from control.jobs.log import LogEntry
from control.jobs.tier_gate import SHIELD_SECONDS, Shield, TierGate
from kernel.fleet.messages import PREFETCH, PURGE, Job, Version

EPOCH = "e"


def entry(seq: int, kind: str = PURGE, refers: tuple[int, ...] = ()) -> LogEntry:
    return LogEntry(Job(seq, kind, b"{}"), 0.0, refers)


def shield(name: str, mark: int, *, there: bool = True, epoch: str = EPOCH) -> Shield:
    return Shield(name, Version(epoch, mark), there)


@pytest.mark.parametrize(
    ("entries", "shields", "waited", "released", "late"),
    [
        ([entry(1), entry(2)], [], {}, 2, {}),
        ([entry(1), entry(2)], [shield("a", 2), shield("b", 2)], {}, 2, {}),
        ([entry(1), entry(2)], [shield("a", 2), shield("b", 1)], {}, 1, {}),
        ([entry(1)], [shield("a", 9, epoch="other")], {}, 0, {}),
        ([entry(1), entry(2)], [shield("a", 0)], {1: SHIELD_SECONDS, 2: 1.0}, 0, {1: ["a"]}),
        ([entry(1), entry(2)], [shield("a", 0, there=False)], {}, 0, {1: ["a"], 2: ["a"]}),
        ([entry(1), entry(2)], [shield("a", 0, there=False), shield("b", 0)], {}, 0, {}),
        ([entry(1, PREFETCH), entry(2, refers=(1,)), entry(3)], [shield("a", 0)], {}, 2, {}),
    ],
)
def test_up_to_where_edges_are_told(entries, shields, waited, released, late):
    release = TierGate()
    assert release.advance(entries, shields, EPOCH, waited) == late
    assert release.released == released


def test_a_late_shield_holds_up_nothing_once_it_is_named_and_comes_back():
    release = TierGate()
    entries = [entry(1), entry(2)]
    away = [shield("a", 0, there=False)]
    release.record_late(release.advance(entries, away, EPOCH, {}))
    assert release.advance(entries, away, EPOCH, {}) == {}
    assert release.released == 2
    assert release.caught_up(away, EPOCH) == {}
    assert release.caught_up([shield("a", 1)], EPOCH) == {1: ["a"]}
    release.mark_resent({1: ["a"]})
    assert release.late == {2: {"a"}}
    release.record_late({2: ["b"]})
    release.mark_resent({2: ["a"]})
    assert release.late == {2: {"b"}}
    release.forget(2)
    assert release.late == {}
