"""Every connected edge is sent what it lacks; a strange one is hung up on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

import control.fleet.fanout
from control.desired.documents import Document
from control.desired.resources import QUARANTINE, Change, Desired
from control.fleet.fanout import ConnectionRejected, Fanout, check_hello
from control.fleet.session import ALL_TYPES
from kernel.fleet.messages import (
    RULES,
    SETTINGS,
    Ack,
    Applied,
    Hello,
    Jobs,
    Known,
    Nack,
    Receipt,
    Report,
    Resource,
    Update,
    Version,
)
from tests.doubles.clock import FakeClock


class Wire:
    """A connection whose edge the test plays."""

    def __init__(self, *says: object) -> None:
        self.sent: asyncio.Queue[Update] = asyncio.Queue()
        self.says: asyncio.Queue[object] = asyncio.Queue()
        for message in says:
            self.says.put_nowait(message)

    async def send(self, update: Update) -> None:
        await self.sent.put(update)

    async def __aiter__(self) -> AsyncIterator[object]:
        while (message := await self.says.get()) is not None:
            yield message


class Fleet:
    def __init__(self, clock: FakeClock) -> None:
        self.desired = Desired("e")
        self.fanout = Fanout(lambda: self.desired, self.quarantine, clock)
        self.serving: list[asyncio.Task[None]] = []

    async def quarantine(self, name: str, why: str) -> None:
        content = json.dumps({"why": why}).encode()
        self.desired = self.desired.with_change(Change({(QUARANTINE, name): content}), self.desired.revision + 1)

    def put(self, name: str) -> None:
        self.desired = self.desired.with_change(Change({(RULES, name): b"{}"}), self.desired.revision + 1)
        self.fanout.wake()

    def serve(self, wire: Wire) -> asyncio.Task[None]:
        task = asyncio.ensure_future(self.fanout.serve(wire))  # noqa: TID251 (the test owns it)
        self.serving.append(task)
        return task


@pytest.fixture
async def fleet(clock: FakeClock) -> AsyncIterator[Fleet]:
    made = Fleet(clock)
    yield made
    for task in made.serving:
        task.cancel()
    await asyncio.gather(*made.serving, return_exceptions=True)


async def first(wire: Wire) -> dict[str, Update]:
    """What an edge is sent at first, by type."""
    return {update.type: update for update in [await wire.sent.get() for _ in ALL_TYPES]}


def acks(wire: Wire, update: Update) -> None:
    wire.says.put_nowait(Ack(update.type, update.version, update.nonce))


async def greeted(wire: Wire) -> Update:
    """Acknowledge all that comes first; the rules."""
    updates = await first(wire)
    for update in updates.values():
        acks(wire, update)
    return updates["rules"]


async def test_a_slow_edge_gets_one_delta_over_all_that_happened(fleet: Fleet, until) -> None:
    fleet.put("title/a")
    wire = Wire(Hello("e1"))
    fleet.serve(wire)
    updates = await first(wire)
    for number in range(5):
        fleet.put(f"title/{number}")
    await asyncio.sleep(0)
    assert wire.sent.empty()
    acks(wire, updates["rules"])
    delta = await wire.sent.get()
    assert (delta.base, delta.version.number, len(delta.resources)) == (1, 6, 5)
    acks(wire, updates["keys"])
    wire.says.put_nowait(Ack("rules", delta.version, delta.nonce))
    wire.says.put_nowait(Applied("rules", delta.version))
    wire.says.put_nowait(Applied("title/a", delta.version))
    await until(lambda: fleet.fanout.edges["e1"].applied == {"rules": 6})
    assert fleet.fanout.edges["e1"].acked == {"rules": 6, "keys": 0}
    assert "e1" in fleet.fanout.changed


async def test_a_refusal_is_counted_told_and_taken_back(fleet: Fleet, until) -> None:
    wire = Wire(Hello("e1"))
    fleet.serve(wire)
    await greeted(wire)
    fleet.put("title/a")
    update = await wire.sent.get()
    wire.says.put_nowait(Nack("rules", update.version, update.nonce, "title/a: bad"))
    await until(lambda: fleet.fanout.refusals == 1)
    assert fleet.fanout.edges["e1"].errors == {"rules": "title/a: bad"}
    fleet.put("title/b")
    update = await wire.sent.get()
    wire.says.put_nowait(Ack("rules", update.version, update.nonce))
    await until(lambda: not fleet.fanout.edges["e1"].errors)


async def test_the_newer_connection_of_an_id_wins(fleet: Fleet, until) -> None:
    before = fleet.serve(one := Wire(Hello("e1")))
    await greeted(one)
    fleet.serve(two := Wire(Hello("e1", region="eu")))
    await greeted(two)
    with pytest.raises(ConnectionRejected, match="another edge"):
        await before
    assert fleet.fanout.edges["e1"].connected
    assert fleet.fanout.edges["e1"].hello.region == "eu"
    fleet.put("title/a")
    assert (await two.sent.get()).version.number == 1


@pytest.mark.parametrize(
    "known",
    [
        Known("rules", Version("e", 2**40)),
        Known("keys", Version("e", 9)),
        Known("settings", Version("e", 9)),
        Known("rules", Version("e", 0), refused=Version("e", 2**40)),
    ],
)
async def test_an_edge_that_claims_to_be_ahead_is_held_in_quarantine(fleet: Fleet, known: Known) -> None:
    """It made control begin a new epoch, so that every other edge took a snapshot, as often as it wanted."""
    serving = fleet.serve(other := Wire(Hello("e2")))
    await greeted(other)
    with pytest.raises(ConnectionRejected, match="quarantine: it claims version"):
        await fleet.serve(Wire(Hello("e1", address="203.0.113.1:80", capacity=2**40, known=(known,))))
    assert fleet.desired.epoch == "e"
    with pytest.raises(ConnectionRejected, match="quarantine"):  # and stays there, whatever it says later
        await fleet.serve(Wire(Hello("e1")))
    shown = fleet.fanout.edges["e1"]
    assert (shown.connected, shown.hello.address, shown.hello.capacity, shown.acked) == (False, "", 0, {})
    assert not serving.done()
    assert other.sent.empty()


async def test_an_edge_that_claims_to_have_applied_what_was_never_said_is_held_in_quarantine(fleet: Fleet) -> None:
    serving = fleet.serve(wire := Wire(Hello("e1")))
    await greeted(wire)
    wire.says.put_nowait(Applied("rules", Version("e", 2**40)))
    with pytest.raises(ConnectionRejected, match="quarantine"):
        await serving
    assert fleet.fanout.edges["e1"].applied == {}


async def test_versions_of_other_types_and_epochs_are_no_claim(fleet: Fleet) -> None:
    known = (Known("rules", Version("f", 9)), Known("weather", Version("e", 9)))
    fleet.serve(wire := Wire(Hello("e1", known=known)))
    assert (await greeted(wire)).snapshot


async def test_an_edge_that_leaves_is_remembered_as_gone(fleet: Fleet) -> None:
    serving = fleet.serve(wire := Wire(Hello("e1")))
    await greeted(wire)
    wire.says.put_nowait(None)
    with pytest.raises(ConnectionRejected, match="disconnected"):
        await serving
    assert not fleet.fanout.edges["e1"].connected


async def test_at_a_stop_everybody_is_hung_up_on(fleet: Fleet) -> None:
    serving = fleet.serve(wire := Wire(Hello("e1")))
    await greeted(wire)
    fleet.fanout.stop()
    with pytest.raises(ConnectionRejected, match="stopping"):
        await serving


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ([None], "hello first"),
        ([Ack("rules", Version("e", 1), "n")], "hello first"),
        ([Hello("e1"), Hello("e1")], "hello only once"),
        ([Hello("e1"), Ack("weather", Version("e", 1), "n")], "never sent"),
    ],
)
async def test_one_that_speaks_out_of_turn_is_hung_up_on(fleet: Fleet, says, told: str) -> None:
    with pytest.raises(ConnectionRejected, match=told):
        await fleet.serve(Wire(*says))


async def test_an_edge_that_never_answers_is_hung_up_on_however_much_happens(fleet: Fleet, clock: FakeClock) -> None:
    serving = fleet.serve(wire := Wire(Hello("e1")))
    updates = await first(wire)
    for update in list(updates.values())[1:]:
        acks(wire, update)
    for _ in range(59):
        await asyncio.sleep(0)
        clock.move(1)
        fleet.fanout.wake()
    await asyncio.sleep(0)
    assert not serving.done()
    clock.move(1)
    with pytest.raises(ConnectionRejected, match="no answer within 60 s"):
        await serving


async def test_an_edge_that_reads_nothing_is_hung_up_on(fleet: Fleet, monkeypatch) -> None:
    async def never(_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(control.fleet.fanout, "ANSWER_SECONDS", 0.01)
    wire = Wire(Hello("e1"))
    monkeypatch.setattr(wire, "send", never)
    with pytest.raises(ConnectionRejected, match="nothing was read"):
        await fleet.serve(wire)


async def test_each_edge_gets_its_own_document_and_only_the_newest(fleet: Fleet, until) -> None:
    held = {"e1": Document(Version("e", 1), b'{"a":1}'), "e2": None}
    fleet.fanout.sources[SETTINGS] = lambda edge: held[edge.id]
    one, two = Wire(Hello("e1")), Wire(Hello("e2"))
    fleet.serve(one)
    fleet.serve(two)
    updates, others = await first(one), await first(two)
    assert updates[SETTINGS].resources == (Resource(SETTINGS, 1, b'{"a":1}'),)
    assert (updates[SETTINGS].snapshot, others[SETTINGS].snapshot) == (True, False)
    for number in (2, 3, 4):
        held["e1"] = Document(Version("e", number), b"{}")
        fleet.fanout.wake(["e1", "nobody"])
        await asyncio.sleep(0)
    acks(one, updates[SETTINGS])
    update = await one.sent.get()
    assert update.version.number == 4
    one.says.put_nowait(Nack(SETTINGS, update.version, update.nonce, "default_ttl: no"))
    await until(lambda: fleet.fanout.edges["e1"].refused[SETTINGS] == Version("e", 4))
    fleet.fanout.wake()
    held["e1"] = Document(Version("e", 5), b"")
    fleet.fanout.wake()
    update = await one.sent.get()
    assert (update.version.number, update.resources) == (5, ())


async def test_reports_receipts_and_answers_are_told_and_jobs_are_sent(fleet: Fleet, until) -> None:
    told: list[object] = []
    for hooks in (fleet.fanout.on_report, fleet.fanout.on_receipt, fleet.fanout.on_answer):
        hooks.append(lambda edge, message: told.append((edge.hello.id, message)))
    jobs = [Jobs("e", 0, 1)]
    fleet.fanout.next_jobs = lambda _: jobs.pop() if jobs else None
    wire = Wire(Hello("e1"))
    fleet.serve(wire)
    await greeted(wire)
    assert await wire.sent.get() == Jobs("e", 0, 1)
    report, receipt, applied = Report(2.0, requests=5), Receipt(Version("e", 1)), Applied("rules", Version("e", 0))
    for message in (report, receipt, applied):
        wire.says.put_nowait(message)
    wire.says.put_nowait(Ack("rules", Version("e", 0), "an old nonce"))
    wire.says.put_nowait(report)
    await until(lambda: len(told) == len(ALL_TYPES) + 4)
    assert told[-4:] == [("e1", report), ("e1", receipt), ("e1", applied), ("e1", report)]
    assert fleet.fanout.edges["e1"].report == report


async def test_the_number_of_edges_has_a_bound(fleet: Fleet, monkeypatch) -> None:
    monkeypatch.setattr(control.fleet.fanout, "MAX_EDGES", 0)
    with pytest.raises(ConnectionRejected, match="0 edges"):
        await fleet.serve(Wire(Hello("e1")))


@pytest.mark.parametrize(
    ("hello", "told"),
    [
        (Hello("e 1"), "id"),
        (Hello("e1", role="origin"), "role"),
        (Hello("e1", address="nowhere"), "address"),
        (Hello("e1", admin="host:99999"), "admin"),
        (Hello("e1", region="e\nu"), "region"),
        (Hello("e1", pop="p" * 65), "pop"),
        (Hello("e1", release="\0"), "release"),
    ],
)
def test_what_a_hello_may_say(hello: Hello, told: str) -> None:
    with pytest.raises(ConnectionRejected, match=told):
        check_hello(hello)
