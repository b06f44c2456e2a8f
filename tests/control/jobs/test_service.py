"""The log of jobs in the database: appended, told, answered, repeated; two replicas over one log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from sqlalchemy import select

from control.db.schema import jobs
from control.db.store import Author
from control.fleet.fanout import Edge, Fanout
from control.fleet.quarantine import Quarantine, quarantined
from control.jobs.service import RETRY_AFTER, JobService
from control.jobs.tier_gate import SHIELD_SECONDS
from control.new_epoch import start_new_epoch
from kernel.errors import StorageFailed
from kernel.fleet.jobs import Prefetch, Purge
from kernel.fleet.messages import DONE, NOTHING, Hello, Jobs, Receipt, Version
from tests.doubles.clock import FakeClock

ME = Author("ann", 1_800_000_000.0, "wrong bytes")


class Control:
    """A replica's job keeper and its edges, each as far as it says."""

    def __init__(self, store, clock: FakeClock) -> None:
        self.clock = clock
        self.store = store
        self.fanout = Fanout(lambda: store.desired, Quarantine(store, clock).hold, clock)
        self.keeper = JobService(store, self.fanout, clock)

    def joins(self, name: str, role: str = "edge", mark: Version | None = None) -> Edge:
        """An edge that holds all of the log, unless said."""
        log = self.keeper.dispatch.log
        held = Version(log.epoch, log.head) if mark is None else mark
        self.fanout.edges[name] = edge = Edge(Hello(name, role, mark=held), self.clock.wall(), connected=True)
        return edge

    def asks(self, edge: Edge) -> list[int]:
        """The jobs that an edge is told now."""
        told: list[int] = []
        while (said := self.keeper.dispatch.next_jobs(edge)) is not None:
            told += [entry.seq for entry in said.entries]
        return told

    def answers(self, edge: Edge, *seqs: int, count: int = 1, status: str = DONE) -> None:
        for seq in seqs:
            receipt = Receipt(Version(self.keeper.dispatch.log.epoch, seq), count, status=status)
            for hook in self.fanout.on_receipt:
                hook(edge, receipt)


@pytest.fixture
async def open_control(open_store: Callable, clock: FakeClock) -> AsyncIterator[Callable]:
    async with AsyncExitStack() as stack:

        async def opened(*remembers: Edge) -> Control:
            store = await stack.enter_async_context(open_store())
            control = Control(store, clock)
            control.fanout.merge_edges(remembers)
            await control.keeper.start()
            await stack.enter_async_context(_running(control.keeper))
            return control

        yield opened


@asynccontextmanager
async def _running(keeper: JobService) -> AsyncIterator[None]:
    import asyncio
    import contextlib

    task = asyncio.get_running_loop().create_task(keeper.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_purge_is_told_to_shields_then_edges_and_completes(open_control: Callable, until: Callable) -> None:
    control = await open_control()
    shield, edge = control.joins("s1", "shield"), control.joins("e1")
    seq = await control.keeper.purge(Purge(keys=("t",)), ME)
    assert seq == 1
    assert control.asks(shield) == [1]
    assert control.asks(edge) == []
    assert (await control.keeper.status(1))["status"] == "pending"
    control.answers(shield, 1, count=3)
    assert control.asks(edge) == [1]
    assert (await control.keeper.status(1))["status"] == "active"
    control.clock.move(0.25)
    control.answers(edge, 1)
    found = await control.keeper.status(1)
    assert (found["status"], found["counts"]["objects"], found["author"]) == ("complete", 4, "ann")
    assert found["receiptSeconds"] == {"p50": 0.0, "p99": 0.25, "last": 0.25}
    await until(lambda: control.clock.move(0.1) or control.keeper.finished_upto == 1)
    row = (await control.store.read(select(jobs)))[0]
    assert (row["state"], row["ended"]) == ("complete", ME.at + 0.25)
    assert await control.keeper.status(2) is None


async def test_a_failure_at_one_edge_fails_the_job(open_control: Callable, until: Callable) -> None:
    control = await open_control()
    first, second = control.joins("e1"), control.joins("e2")
    await control.keeper.purge(Purge(all=True), ME)
    control.answers(first, 1, status="2 files are left")
    assert (await control.keeper.status(1))["status"] == "active"
    control.answers(second, 1)
    found = await control.keeper.status(1)
    assert found["status"] == "failed"
    assert found["errors"][0]["description"] == "2 files are left"
    await until(lambda: control.clock.move(0.1) or control.keeper.finished_upto == 1)
    assert (await control.keeper.page(None, 10))[0]["state"] == "failed"
    assert await control.keeper.states() == {("purge", "failed"): 1}


async def test_who_is_away_is_named(open_control: Callable) -> None:
    control = await open_control()
    here, away = control.joins("e1"), control.joins("e2")
    away.connected = False
    await control.keeper.purge(Purge(all=True), ME)
    control.answers(here, 1)
    found = await control.keeper.status(1)
    assert (found["status"], [one["edge"] for one in found["lagging"]]) == ("processed", ["e2"])


async def test_a_late_shield_is_named_and_the_edges_are_told_again(open_control: Callable, until: Callable) -> None:
    control = await open_control()
    shield, edge = control.joins("s1", "shield"), control.joins("e1")
    for key in ("a", "b"):
        await control.keeper.purge(Purge(keys=(key,)), ME)
    control.clock.move(SHIELD_SECONDS)
    await until(lambda: control.keeper.dispatch.gate.released == 2)
    assert control.asks(edge) == [1, 2]
    control.answers(edge, 1, 2)
    assert (await control.keeper.status(1))["lateShields"] == {"s1": None}
    control.answers(shield, 1, 2)
    await until(lambda: control.keeper.dispatch.log.head >= 3 and not control.keeper.dispatch.gate.late)
    told = control.asks(edge)
    assert (await control.keeper.status(1))["lateShields"] == {"s1": told[-1]}
    again = [await control.keeper.status(seq) for seq in told]
    assert sorted(seq for one in again for seq in one["refersTo"]) == [1, 2]
    assert {key for one in again for key in one["trigger"]["content"]["keys"]} == {"a", "b"}


async def test_a_restart_remembers_the_log_and_who_was_late(open_control: Callable, until: Callable) -> None:
    control = await open_control()
    shield, edge = control.joins("s1", "shield"), control.joins("e1")
    await control.keeper.purge(Purge(keys=("a",)), ME)
    control.clock.move(SHIELD_SECONDS)
    await until(lambda: control.keeper.dispatch.gate.released == 1)
    shield.connected = False
    later = await open_control(shield, edge)
    assert later.keeper.dispatch.log.epoch == control.keeper.dispatch.log.epoch
    assert later.keeper.dispatch.gate.late == {1: {"s1"}}
    assert later.asks(later.joins("e2", mark=Version(later.keeper.dispatch.log.epoch, 0))) == [1]
    later.answers(later.joins("s1", "shield", Version(later.keeper.dispatch.log.epoch, 0)), 1)
    await until(lambda: later.keeper.dispatch.log.head == 2)


async def test_one_that_cannot_know_what_it_missed_drops_everything(open_control: Callable) -> None:
    control = await open_control()
    await control.keeper.purge(Purge(keys=("a",)), ME)
    edge = control.joins("e1", mark=NOTHING)
    said = control.keeper.dispatch.next_jobs(edge)
    assert isinstance(said, Jobs)
    assert (said.floor, said.head, said.entries) == (1, 1, ())
    control.answers(edge, 1)
    assert control.keeper.dispatch.has_purged(edge, 1)


async def test_a_node_whose_mark_is_beyond_the_log_is_held_in_quarantine(
    open_control: Callable, until: Callable
) -> None:
    """The log was believed to be lost, and every edge dropped its cache: as often as one edge wanted."""
    control = await open_control()
    await control.keeper.purge(Purge(all=True), ME)
    epoch = control.keeper.dispatch.log.epoch
    honest, evil = control.joins("e1"), control.joins("e9", mark=Version(epoch, 2**40))
    assert control.asks(evil) == []
    await until(lambda: quarantined(control.store.desired, "e9"))
    assert "claims job 1099511627776" in quarantined(control.store.desired, "e9")
    assert control.keeper.dispatch.log.epoch == epoch
    assert control.asks(honest) == []
    assert not quarantined(control.store.desired, "e1")


async def test_in_an_operators_new_epoch_edges_drop_everything(open_control: Callable, until: Callable) -> None:
    control = await open_control()
    await control.keeper.purge(Purge(all=True), ME)
    epochs = control.store.desired.epoch, control.keeper.dispatch.log.epoch
    control.store.on_change("epoch", control.keeper.request_reload)
    await Quarantine(control.store, control.clock).hold("e1", "it claims job 9")
    await control.store.transact(lambda tx: start_new_epoch(tx, epochs[1]), ME)
    await control.store.refresh()
    await until(lambda: control.keeper.dispatch.log.epoch != epochs[1])
    assert control.store.desired.epoch != epochs[0]
    assert not quarantined(control.store.desired, "e1")
    said = control.keeper.dispatch.next_jobs(control.joins("e1", mark=Version(epochs[1], 9)))
    assert said is not None
    assert said.floor > 0


async def test_a_prefetch_ends_with_the_last_receipt(open_control: Callable, until: Callable) -> None:
    control = await open_control()
    first, second = control.joins("e1"), control.joins("e2")
    assert await control.keeper.prefetch(Prefetch(("/cdn/eu/t/a",)), ME) == 1
    assert control.asks(first) == [1]
    control.answers(first, 1)
    assert (await control.keeper.status(1))["status"] == "active"
    control.answers(second, 1)
    assert (await control.keeper.status(1))["status"] == "complete"
    assert not control.keeper.dispatch.has_purged(first, 1)
    await until(lambda: control.clock.move(0.1) or not control.keeper.dispatch.unstored_receipts(1))
    assert (await control.keeper.states()) == {("prefetch", "complete"): 1}


async def test_a_caller_may_wait_for_the_end(open_control: Callable) -> None:
    import asyncio

    control = await open_control()
    edge = control.joins("e1")
    await control.keeper.purge(Purge(all=True), ME)
    waiting = asyncio.get_running_loop().create_task(control.keeper.wait_until_done(1, 10))
    await asyncio.sleep(0)
    control.answers(edge, 1)
    await waiting
    waiting = asyncio.get_running_loop().create_task(control.keeper.wait_until_done(2, 10))
    await asyncio.sleep(0)
    control.clock.move(10)
    await waiting


async def test_receipts_that_cannot_be_kept_are_kept_later(
    open_control: Callable, until: Callable, monkeypatch
) -> None:
    control = await open_control()
    edge = control.joins("e1")
    await control.keeper.purge(Purge(all=True), ME)
    save, failures = control.store.save, []

    async def fails(*_: object) -> None:
        failures.append(1)
        raise StorageFailed("no room")

    monkeypatch.setattr(control.store, "save", fails)
    control.answers(edge, 1)
    await until(lambda: failures and control.keeper.dispatch.unstored_receipts(1))
    monkeypatch.setattr(control.store, "save", save)
    await until(lambda: control.clock.move(RETRY_AFTER) or control.keeper.finished_upto == 1)
    assert (await control.keeper.page(None, 1))[0]["state"] == "complete"


async def test_a_purge_at_one_replica_reaches_the_edges_of_another(
    postgresql_url, open_control, until, request
) -> None:
    if "postgresql" not in request.node.callspec.id:
        pytest.skip("two replicas need a database for several")
    one, two = await open_control(), await open_control()
    shield, edge = one.joins("s1", "shield"), two.joins("e1")
    two.fanout.merge_edges([Edge(shield.hello, shield.last_seen, connected=True)])
    seq = await one.keeper.purge(Purge(keys=("a",)), ME)
    await until(lambda: two.keeper.dispatch.log.head == seq)
    assert two.asks(edge) == []
    one.answers(shield, seq)
    await until(lambda: two.keeper.dispatch.gate.released == seq)
    assert two.asks(edge) == [seq]
    two.answers(edge, seq)
    await until(lambda: two.clock.move(0.1) or not two.keeper.dispatch.unstored_receipts(seq))
    found = await one.keeper.status(seq)
    assert {one["edge"] for one in found["receipts"]} == {"s1", "e1"}


async def test_the_tables_do_not_grow_for_ever(open_control: Callable, monkeypatch) -> None:
    control = await open_control()
    monkeypatch.setattr("control.jobs.job_table.MAX_ROWS", 2)
    for _ in range(5):
        await control.keeper.purge(Purge(all=True), ME)
    await control.keeper.delete_old()
    assert [row["seq"] for row in await control.keeper.page(None, 10)] == [5, 4]
    assert [row["seq"] for row in await control.keeper.page(5, 10)] == [4]
