"""The edge follows control, answers what it is sent, and goes on without it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from edge.fleet.apply import FleetState
from edge.fleet.control_link import MAX_BACKOFF
from edge.fleet.state_file import StateFile
from edge.fleet.subscribe import Subscriber
from edge.policy.authorise import is_revoked, licence_refusal
from kernel.auth.signing_keys import generate_ed25519_pem, public_jwks
from kernel.errors import StorageFailed
from kernel.fleet.messages import KEYS, RULES, TITLE, Applied, Hello, Update
from kernel.fleet.signed import NotSigned
from kernel.vocabulary import Refusal
from tests.doubles.clock import FakeClock
from tests.scenario.memory_control import MemoryControl

JWKS = public_jwks(generate_ed25519_pem(), "k1")


async def until(condition: Callable[[], object]) -> None:
    """Let everything run until the condition holds."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


class Picky(StateFile):
    """Trusts updates, and wants snapshots, as each test sets it up."""

    trusts = True
    full = False

    def verify(self, update: Update) -> None:
        if not self.trusts:
            raise NotSigned(f"{update.type} is not signed")

    def wants_snapshot(self, kind: str) -> bool:
        return self.full and kind == RULES


class Node:
    """An edge reduced to what control changes."""

    def __init__(
        self, control: MemoryControl, folder: Path, clock: FakeClock, state_file: StateFile | None = None
    ) -> None:
        self.seen: list[FleetState] = []
        self.clock = clock
        self.subscriber = Subscriber(
            Hello("e1", region="eu", address="127.0.0.1:8081", admin="127.0.0.1:9081"),
            ["127.0.0.1:8084"],
            folder,
            clock,
            self.seen.append,
            connect=control.connect,
            store=state_file,
            jitter=lambda: 0.0,
        )

    def refuses(self, content_id: str, country: str) -> Refusal | None:
        return licence_refusal(self.subscriber.state.rules, content_id, country, 0)

    @asynccontextmanager
    async def runs(self) -> AsyncIterator[Node]:
        """Until the block ends; then it is cancelled, as by kill -9."""
        task = asyncio.ensure_future(self.subscriber.run())  # noqa: TID251 (owned by this block)
        try:
            yield self
        finally:
            failed = task.done()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            assert not failed


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def test_an_edge_gets_all_at_start_and_every_change_after(tmp_path: Path, clock: FakeClock) -> None:
    async with MemoryControl(clock) as control:
        control.publishes("film", allow=["DE", "FR"])
        control.rotates_keys(JWKS)
        async with Node(control, tmp_path, clock).runs() as node:
            await asyncio.wait_for(node.subscriber.wait_until_started(), 10)
            assert node.subscriber.is_connected
            assert not node.subscriber.is_degraded
            assert node.refuses("film", "FR") is None
            assert node.subscriber.state.keys.find("k1") is not None
            assert node.refuses("unlisted", "FR") is Refusal.COUNTRY
            control.publishes("film", allow=["DE"])
            await until(lambda: node.refuses("film", "FR") is Refusal.COUNTRY)
            assert node.seen[-1] is node.subscriber.state
            control.revokes("s1")
            await until(lambda: is_revoked(node.subscriber.state.rules, "s1", 1e12))
            control.withdraws("film")
            await until(lambda: node.refuses("film", "DE") is Refusal.COUNTRY)


async def test_applied_is_said_once_the_state_is_on_disk(tmp_path: Path, clock: FakeClock) -> None:
    async with MemoryControl(clock) as control, Node(control, tmp_path, clock).runs() as node:
        control.publishes("film", allow=["DE"])
        wanted = control.desired.version(RULES).number
        await until(lambda: (edge := control.edge("e1")) and edge.applied.get(RULES) == wanted)
        kept = StateFile(tmp_path).load()
        assert kept is not None
        assert kept.rules == node.subscriber.state.rules
        edge = control.edge("e1")
        assert edge is not None
        assert edge.acked[RULES] == wanted
        assert edge.hello.region == "eu"


async def test_a_killed_edge_with_control_down_still_refuses(tmp_path: Path, clock: FakeClock) -> None:
    async with MemoryControl(clock) as control:
        control.publishes("film", allow=["DE", "FR"])
        async with Node(control, tmp_path, clock).runs() as node:
            await node.subscriber.wait_until_started()
            control.publishes("film", allow=["DE"])
            number = control.desired.version(RULES).number
            await until(lambda: (edge := control.edge("e1")) and edge.applied.get(RULES) == number)
        await control.goes_down()
        async with Node(control, tmp_path, clock).runs() as again:
            await until(lambda: again.seen)
            assert again.refuses("film", "FR") is Refusal.COUNTRY
            assert again.refuses("film", "DE") is None
            assert not again.subscriber.is_connected
            await until(lambda: "control is down" in again.subscriber.last_error)
            assert not again.subscriber.is_degraded
            started = asyncio.ensure_future(again.subscriber.wait_until_started())  # noqa: TID251 (awaited below)
            await asyncio.sleep(0)
            assert not started.done()
            clock.move(5)
            await started
            assert again.subscriber.is_degraded
            control.comes_back()
            await until(lambda: clock.move(1) or again.subscriber.is_connected)
            assert not again.subscriber.is_degraded
            assert again.subscriber.last_error == ""


async def test_a_loss_is_made_good_by_a_delta_with_growing_waits_between(tmp_path: Path, clock: FakeClock) -> None:
    async with MemoryControl(clock) as control, Node(control, tmp_path, clock).runs() as node:
        control.publishes("film", allow=["DE", "FR"])
        await until(lambda: node.refuses("film", "DE") is None and node.subscriber.is_connected)
        await control.goes_down()
        await until(lambda: not node.subscriber.is_connected)
        assert node.refuses("film", "FR") is None
        assert not node.subscriber.is_degraded
        control.publishes("film", allow=["DE"])
        before = control.connections
        await until(lambda: clock.move(MAX_BACKOFF) or clock.mono() > 100)
        assert node.subscriber.is_degraded
        control.comes_back()
        await until(lambda: clock.move(1) or node.refuses("film", "FR") is Refusal.COUNTRY)
        assert control.connections == before + 1


async def test_a_control_that_lost_its_history_holds_edges_until_a_new_epoch(tmp_path: Path, clock: FakeClock) -> None:
    async with MemoryControl(clock) as control, Node(control, tmp_path, clock).runs() as node:
        for number in range(3):
            control.publishes(f"film-{number}", allow=["DE"])
        await until(lambda: node.refuses("film-2", "DE") is None)
        await control.goes_down()
        control.comes_back(forgot_everything=True)
        await until(lambda: clock.move(1) or "quarantine" in node.subscriber.last_error)
        assert node.refuses("film-2", "DE") is None
        control.begins_a_new_epoch()
        await until(lambda: clock.move(1) or node.refuses("film-2", "DE") is Refusal.COUNTRY)
        assert node.subscriber.state.version(RULES).epoch == "epoch-1+"
        control.publishes("film-9", allow=["DE"])
        await until(lambda: node.refuses("film-9", "DE") is None)


async def test_a_bad_version_is_refused_once_and_the_next_good_one_taken(tmp_path: Path, clock: FakeClock) -> None:
    async with MemoryControl(clock) as control, Node(control, tmp_path, clock).runs() as node:
        control.publishes("film", allow=["DE"])
        await until(lambda: node.refuses("film", "DE") is None and node.subscriber.is_connected)
        control.says(RULES, TITLE + "bad", b'{"allow": ["Germany"]}')
        await until(lambda: control.fanout.refusals == 1)
        assert "title/bad.allow[0]" in node.subscriber.last_error
        assert node.refuses("film", "DE") is None
        await control.goes_down()
        control.comes_back()
        await until(lambda: clock.move(1) or node.subscriber.is_connected)
        assert control.fanout.refusals == 0  # not sent again on the new connection either
        control.rotates_keys(JWKS)
        await until(lambda: len(node.subscriber.state.keys) == 1)
        control.publishes("bad", allow=["FR"])
        await until(lambda: node.refuses("bad", "FR") is None)
        assert KEYS in node.subscriber.state.versions


async def test_a_damaged_state_is_not_served_and_is_kept_aside(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "state.json").write_bytes(b"matinee-edge-state 1 junk")
    async with MemoryControl(clock) as control:
        control.publishes("film")
        await control.goes_down()
        async with Node(control, tmp_path, clock).runs() as node:
            await until(lambda: node.clock.waiting == 2)
            assert (tmp_path / "state.json.damaged-1").exists()
            assert node.seen == []
            assert node.refuses("film", "DE") is Refusal.COUNTRY
            control.comes_back()
            await until(lambda: clock.move(1) or node.refuses("film", "DE") is None)


async def test_a_full_disk_is_reported_and_the_rules_are_in_force(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = True

    def save(self: StateFile, state: FleetState) -> None:
        if full:
            raise StorageFailed("no space left")
        real(self, state)

    real = StateFile.write_whole
    monkeypatch.setattr(StateFile, "write_whole", save)
    async with MemoryControl(clock) as control, Node(control, tmp_path, clock).runs() as node:
        control.publishes("film")
        await until(lambda: (edge := control.edge("e1")) and "rules on disk" in edge.errors)
        assert node.refuses("film", "DE") is None
        assert "no space left" in node.subscriber.last_error
        full = False
        await until(lambda: clock.move(10) or control.edge("e1").applied.get(RULES))
        assert "rules on disk" not in control.edge("e1").errors


async def test_a_big_snapshot_is_worked_out_beside_the_loop(tmp_path: Path, clock: FakeClock) -> None:
    async with MemoryControl(clock) as control:
        for number in range(1_200):
            control.publishes(f"film-{number}", allow=["DE"])
        async with Node(control, tmp_path, clock).runs() as node:
            await asyncio.wait_for(node.subscriber.wait_until_started(), 10)
            assert len(node.subscriber.state.rules.titles) == 1_200


async def test_what_is_not_signed_is_refused_and_changes_nothing(tmp_path: Path, clock: FakeClock) -> None:
    state_file = Picky(tmp_path)
    async with MemoryControl(clock) as control:
        control.publishes("film", allow=["DE"])
        async with Node(control, tmp_path, clock, state_file).runs() as node:
            await asyncio.wait_for(node.subscriber.wait_until_started(), 10)
            state_file.trusts = False
            control.publishes("film", allow=["FR"])
            await until(lambda: "is not signed" in node.subscriber.last_error)
            assert node.refuses("film", "DE") is None
            edge = control.edge("e1")
            await until(lambda: edge is not None and "is not signed" in edge.errors.get(RULES, ""))


async def test_where_many_deltas_are_kept_a_snapshot_comes_instead(tmp_path: Path, clock: FakeClock) -> None:
    state_file = Picky(tmp_path)
    kept: list[bool] = []
    async with MemoryControl(clock) as control:
        control.publishes("film", allow=["DE"])
        async with Node(control, tmp_path, clock, state_file).runs() as node:
            await asyncio.wait_for(node.subscriber.wait_until_started(), 10)
            kept.clear()
            state_file.full = True
            keep = state_file.store
            state_file.store = lambda state, updates: (  # type: ignore[method-assign]
                kept.extend(update.snapshot for update in updates),
                keep(state, updates),
            )
            control.publishes("film", allow=["FR"])
            await until(lambda: node.refuses("film", "FR") is None)
            await until(lambda: kept)
            assert kept == [True]
            assert not node.subscriber.last_error


async def test_what_is_applied_is_said_once_in_a_connection(tmp_path: Path, clock: FakeClock) -> None:
    async with MemoryControl(clock) as control:
        said: list[object] = []
        control.fanout.on_answer.append(lambda _, answer: said.append(answer) if isinstance(answer, Applied) else None)
        async with Node(control, tmp_path, clock).runs() as node:
            await asyncio.wait_for(node.subscriber.wait_until_started(), 10)
            for country in ("DE", "FR", "CH"):
                control.publishes("film", allow=[country])
                version = control.desired.version(RULES)
                await until(lambda version=version: Applied(RULES, version) in said)  # type: ignore[misc]
            assert len(said) == len(set(map(str, said)))
