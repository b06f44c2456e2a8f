"""Settings in control's database: a rollout outlives a restart, and what one replica does the other knows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from control.app import running
from control.commands import ControlService
from control.rollout.rollout import RolloutState
from control.rollout.service import RolloutService
from edge.fleet.subscribe import Subscriber
from kernel.documents import BadDocument
from kernel.fleet.messages import SETTINGS, Hello
from tests.doubles.clock import FakeClock


async def test_a_rollout_is_kept_and_taken_up_by_whoever_starts(open_plane: Callable, clock: FakeClock) -> None:
    async with open_plane() as plane:
        with pytest.raises(BadDocument, match="default_ttl"):
            await plane.settings.push({"all": {"default_ttl": "soon"}}, author="anna")
        held = await plane.settings.push({"all": {"default_ttl": "7s"}}, author="anna", reason="more hits")
        assert held.rollout.state is RolloutState.DONE  # there is no edge to whom it could do harm
        assert held.number == plane.store.desired.revision
        await plane.settings.advance()
    async with open_plane() as plane:
        assert RolloutService(plane.store, plane.fanout, clock).current() == held
        await plane.settings.roll_back(author="anna")
        assert plane.settings.current().layers == {}


@pytest.mark.parametrize("database_setting", ["postgresql"], indirect=True)
async def test_what_one_replica_begins_the_other_tells_its_edges(
    open_store: Callable, clock: FakeClock, until: Callable
) -> None:
    async with open_store("one") as first, open_store("two") as second:
        planes = [ControlService(store, clock) for store in (first, second)]
        hello = Hello("e1", region="eu")
        await planes[0].settings.push({"region/eu": {"default_ttl": "7s"}}, author="anna")
        await until(lambda: second.desired.revision == first.desired.revision)
        documents = [plane.fanout.sources[SETTINGS](hello) for plane in planes]
        assert documents[0] == documents[1]
        assert documents[0].content == b'{"default_ttl":"7s"}'
        assert await planes[0].leads_rollouts()
        assert not await planes[1].leads_rollouts()
        clock.move(60)
        assert await planes[1].leads_rollouts()


async def test_over_grpc_an_edge_gets_its_settings_and_says_that_they_are_applied(
    settings_of: Callable, tmp_path: Path, until: Callable
) -> None:
    async with running(settings_of()) as control:
        push, edges = control.plane.settings, control.plane.fanout.edges
        async with subscribed(str(control.listen), tmp_path / "fleet") as edge:
            held = await push.push({"all": {"default_ttl": "7s"}}, author="anna")
            await until(lambda: edges["e1"].applied.get(SETTINGS) == held.number)
            assert edge.state.documents[SETTINGS] == {"default_ttl": "7s"}
            assert held.rollout.state is RolloutState.ROLLING
            await push.roll_back(author="anna")
            await until(lambda: SETTINGS not in edge.state.documents)


@asynccontextmanager
async def subscribed(address: str, folder: Path):
    from kernel.clock import Clock
    from system.clock import SystemClock

    clock: Clock = SystemClock()
    edge = Subscriber(Hello("e1"), [address], folder, clock, lambda _: None, jitter=lambda: 0.0)
    task = asyncio.ensure_future(edge.run())  # noqa: TID251 (the block owns it)
    try:
        await asyncio.wait_for(edge.wait_until_started(), 20)
        yield edge
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
