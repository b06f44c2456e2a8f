"""Jobs on their way: what each edge is told, how far it is, who holds up the rest."""

from __future__ import annotations

import pytest

from control.fleet.fanout import Edge, Fanout
from control.jobs.dispatch import Dispatch
from control.jobs.log import LogEntry
from control.jobs.tier_gate import SHIELD_SECONDS
from kernel.fleet.messages import DONE, NOTHING, PREFETCH, PURGE, Hello, Job, Receipt, Version
from tests.doubles.clock import FakeClock

EPOCH = "e"


class Fleet:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.fanout = Fanout(lambda: None, None, self.clock)  # type: ignore[arg-type]
        self.woken = 0
        self.dispatch = Dispatch(self.fanout, self.clock, self._wake)
        self.dispatch.restart_log(EPOCH, 0)

    def _wake(self) -> None:
        self.woken += 1

    def joins(self, name: str, mark: int = 0, role: str = "edge", epoch: str = EPOCH) -> Edge:
        edge = Edge(Hello(name, role, mark=Version(epoch, mark)), self.clock.wall(), connected=True)
        self.fanout.edges[name] = edge
        return edge

    def adds(self, *kinds: str) -> None:
        first = self.dispatch.log.head + 1
        self.dispatch.add_entries(
            LogEntry(Job(first + n, kind, b"{}"), self.clock.wall()) for n, kind in enumerate(kinds)
        )

    def told(self, edge: Edge) -> list[int]:
        seqs: list[int] = []
        while (said := self.dispatch.next_jobs(edge)) is not None:
            seqs += [one.seq for one in said.entries]
        return seqs

    def answers(self, edge: Edge, seq: int, status: str = DONE, epoch: str = EPOCH) -> None:
        self.dispatch.on_receipt(edge, Receipt(Version(epoch, seq), 1, status=status))


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


def test_an_edge_is_told_what_it_lacks_once(fleet: Fleet):
    fleet.adds(PURGE, PURGE, PREFETCH)
    edge = fleet.joins("e1", 1)
    assert fleet.told(edge) == [2, 3]
    assert fleet.told(edge) == []
    fleet.adds(PURGE)
    assert fleet.told(edge) == [4]
    assert fleet.told(fleet.joins("e1", 3)) == [4]


def test_a_receipt_moves_the_mark_a_prefetch_does_not(fleet: Fleet):
    fleet.adds(PURGE, PREFETCH, PURGE)
    edge = fleet.joins("e1")
    fleet.answers(edge, 2)
    assert edge.hello.mark.number == 0
    fleet.answers(edge, 3)
    fleet.answers(edge, 1)
    assert edge.hello.mark == Version(EPOCH, 3)
    assert fleet.dispatch.done_upto() == 3
    assert fleet.dispatch.lags() == [0.0]


@pytest.mark.parametrize(("seq", "epoch"), [(1, "old"), (9, EPOCH)])
def test_what_is_of_another_log_is_passed_over(fleet: Fleet, seq: int, epoch: str):
    fleet.adds(PURGE)
    edge = fleet.joins("e1")
    fleet.answers(edge, seq, epoch=epoch)
    assert fleet.dispatch.take_due().receipts == []
    assert fleet.dispatch.receipts == 0


def test_failures_are_counted_and_receipts_wait_to_be_kept(fleet: Fleet):
    fleet.adds(PURGE)
    fleet.answers(fleet.joins("e1"), 1, "no")
    assert fleet.dispatch.failures == 1
    due = fleet.dispatch.take_due()
    assert [one.edge for one in fleet.dispatch.unstored_receipts(1)] == ["e1"]
    fleet.dispatch.return_receipts(due.receipts)
    assert [one.edge for one in fleet.dispatch.unstored_receipts(1)] == ["e1"]
    assert fleet.dispatch.take_due().done == 1


def test_edges_wait_for_shields_and_not_for_ever(fleet: Fleet):
    shield, edge = fleet.joins("s1", role="shield"), fleet.joins("e1")
    fleet.adds(PURGE)
    assert fleet.told(shield) == [1]
    assert fleet.told(edge) == []
    fleet.clock.move(SHIELD_SECONDS)
    late = fleet.dispatch.take_due().late
    assert late == {1: ["s1"]}
    fleet.dispatch.gate.record_late(late)
    fleet.dispatch.advance_gate()
    assert fleet.told(edge) == [1]
    fleet.answers(shield, 1)
    assert fleet.dispatch.take_due().resend == {1: ["s1"]}


def test_one_that_is_ahead_is_told_nothing_until_somebody_has_looked(fleet: Fleet):
    edge = fleet.joins("e1", 5)
    assert fleet.dispatch.next_jobs(edge) is None
    assert fleet.dispatch.take_due().ahead
    assert fleet.dispatch.nodes_ahead() == [("e1", "it claims job 5, the log of jobs ends at 0")]


def test_nobody_waits_for_a_node_in_quarantine(fleet: Fleet):
    fleet.adds(PURGE)
    fleet.joins("s9", 9, role="shield").connected = False
    fleet.joins("e9", 9).connected = False
    fleet.dispatch.quarantined = lambda: {"s9", "e9"}
    fleet.answers(fleet.joins("e1"), 1)
    assert fleet.dispatch.done_upto() == 1
    assert [one.id for one in fleet.dispatch.shields() if one.is_present] == []
    assert [one.mark for one in fleet.dispatch.shields()] == [NOTHING]


def test_one_that_dropped_everything_answers_for_all(fleet: Fleet):
    fleet.adds(PURGE, PREFETCH)
    edge = fleet.joins("e1", 7, epoch="old")
    said = fleet.dispatch.next_jobs(edge)
    assert said is not None
    assert (said.head, said.entries) == (2, ())
    fleet.answers(edge, 2)
    assert edge.hello.mark == Version(EPOCH, 2)


def test_a_log_without_an_epoch_says_nothing():
    fleet = Fleet()
    fleet.dispatch.restart_log("", 0)
    assert fleet.dispatch.next_jobs(fleet.joins("e1")) is None
    fleet.dispatch.stop()
