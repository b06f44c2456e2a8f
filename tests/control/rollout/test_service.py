"""Settings go out in stages, back by themselves, and each edge gets what its place in the order says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from control.rollout.layers import EdgeLabels
from control.rollout.rollout import RolloutState, has_new_settings
from control.rollout.settings_state import RolloutConflict
from kernel.documents import BadDocument
from kernel.errors import BadSettings
from kernel.fleet.messages import SETTINGS, Hello, Report
from tests.doubles.clock import FakeClock, turns
from tests.scenario.agents import Agent, agents, all_are_killed, well
from tests.scenario.memory_control import MemoryControl

BAD = "13s"


def ill(settings: Mapping[str, object]) -> Report:
    """An edge with the bad settings fails one request in ten."""
    return Report(2.0, requests=100, hits=85, errors=10) if settings.get("default_ttl") == BAD else well(settings)


class Fleet:
    """Agents with one control."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.control = MemoryControl(self.clock)
        self.folder = folder
        self.agents: list[Agent] = []

    @property
    def rollout(self):
        return self.control.settings.current().rollout

    def having(self, ttl: str) -> set[str]:
        return {agent.id for agent in self.agents if agent.settings.get("default_ttl") == ttl}

    async def lasts(self, seconds: float) -> None:
        """Time passes; disks are written by threads, so they get real turns."""
        end = self.clock.mono() + seconds
        while self.clock.mono() < end:
            await self.clock.advance(0.5)
            await asyncio.sleep(0.001)

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                await turns(1)
                await asyncio.sleep(0.001)

    async def settled(self) -> None:
        """Every agent has in force, and on disk, what it is to have."""
        await self.until(
            lambda: all(
                (edge := self.control.edge(agent.id)) is not None
                and edge.applied.get(SETTINGS, -1) == self.control.settings.document(edge.hello).version.number
                for agent in self.agents
            )
        )


@pytest.fixture
def fleet(tmp_path: Path) -> Callable:
    @asynccontextmanager
    async def made(count: int, fares=ill, **hello: str) -> AsyncIterator[Fleet]:
        found = Fleet(tmp_path)
        async with found.control:
            found.control.carries_rollouts_on()
            found.agents = agents(count, found.control.connect, tmp_path, found.clock, fares, **hello)
            await found.settled()
            await found.lasts(6)
            yield found
            await all_are_killed(found.agents)

    return made


async def test_good_settings_reach_all_stage_by_stage(fleet) -> None:
    async with fleet(20) as found:
        await found.control.settings.push({"all": {"default_ttl": "7s"}}, author="anna", reason="more hits")
        seen = []
        for _ in range(60):
            await found.settled()
            await found.lasts(1)
            if not seen or len(found.having("7s")) != seen[-1]:
                seen.append(len(found.having("7s")))
        assert seen == [1, 5, 10, 20]
        assert found.rollout.state is RolloutState.DONE
        assert all(agent.taken == [{"default_ttl": "7s"}] for agent in found.agents)


async def test_a_refusal_takes_it_back_at_once(fleet) -> None:
    async with fleet(4) as found:
        for agent in found.agents:
            agent.check_state = _refuse
        await found.control.settings.push({"all": {"default_ttl": "7s"}}, author="anna")
        await found.until(lambda: found.rollout.state is RolloutState.REVERTED)
        assert found.rollout.why.startswith("refused by e")
        await found.settled()
        assert [agent.taken for agent in found.agents] == [[]] * 4


def _refuse(state) -> None:
    if SETTINGS in state.documents:
        raise BadSettings("default_ttl", "not here")


async def test_a_canary_that_falls_silent_takes_it_back(fleet) -> None:
    async with fleet(10) as found:
        await found.control.settings.push({"all": {"default_ttl": "7s"}}, author="anna")
        await found.settled()
        (canary,) = found.having("7s")
        await next(agent for agent in found.agents if agent.id == canary).is_killed()
        await found.lasts(13)
        assert found.rollout.state is RolloutState.REVERTED
        assert found.rollout.why == f"no report any more from {canary}"


async def test_an_operator_holds_lets_on_and_takes_back(fleet) -> None:
    async with fleet(10) as found:
        push = found.control.settings
        with pytest.raises(RolloutConflict, match="no rollout is under way"):
            await push.hold(author="anna")
        await push.push({"all": {"default_ttl": "7s"}}, author="anna")
        await push.hold(author="bert", reason="lunch")
        await found.lasts(100)
        assert (found.rollout.state, found.rollout.why, len(found.having("7s"))) == (RolloutState.HELD, "lunch", 1)
        await push.resume(author="bert")
        await found.lasts(20)
        assert 1 < len(found.having("7s")) < 10
        await push.roll_back(author="anna")
        await found.settled()
        assert found.rollout.state is RolloutState.REVERTED
        assert found.having("7s") == set()
        with pytest.raises(RolloutConflict, match="to roll back"):
            await push.roll_back(author="anna")


async def test_held_settings_that_harm_go_back_all_the_same(fleet) -> None:
    async with fleet(10) as found:
        await found.control.settings.push({"all": {"default_ttl": BAD}}, author="anna")
        await found.control.settings.hold(author="anna")
        await found.lasts(8)
        assert found.rollout.state is RolloutState.REVERTED


async def test_what_was_before_can_be_rolled_out_again(fleet) -> None:
    async with fleet(4) as found:
        push = found.control.settings
        for ttl in ("7s", "8s"):
            await push.push({"all": {"default_ttl": ttl}}, author="anna")
            await found.lasts(60)
            assert len(found.having(ttl)) == 4
        await push.roll_back(author="bert")
        await found.settled()
        assert len(found.having("7s")) == 1
        await found.lasts(60)
        assert len(found.having("7s")) == 4


async def test_a_change_while_one_is_on_its_way_begins_anew_and_holds_both(fleet) -> None:
    async with fleet(20) as found:
        push = found.control.settings
        await push.push({"all": {"default_ttl": "7s"}}, author="anna")
        await found.lasts(30)
        assert len(found.having("7s")) == 10
        first = found.rollout.number
        held = await push.push({"role/edge": {"idle_timeout": "9s"}}, author="bert")
        assert held.rollout.number > first
        await found.settled()
        some = [agent for agent in found.agents if has_new_settings(agent.id, held.rollout)]
        assert len(some) == 1
        assert some[0].settings == {"default_ttl": "7s", "idle_timeout": "9s"}
        assert {bool(agent.settings) for agent in found.agents if agent not in some} == {False}
        await found.lasts(60)
        assert found.rollout.state is RolloutState.DONE
        assert all(agent.settings == some[0].settings for agent in found.agents)


async def test_an_edge_that_joins_in_the_middle_gets_what_its_place_says(fleet) -> None:
    async with fleet(20) as found:
        await found.control.settings.push({"all": {"default_ttl": "7s"}}, author="anna")
        await found.lasts(18)
        late = agents(30, found.control.connect, found.folder, found.clock, ill, first=20)
        found.agents += late
        await found.settled()
        wanted = {agent.id for agent in late if has_new_settings(agent.id, found.rollout)}
        assert 0 < len(wanted) < 30
        assert {agent.id for agent in late if agent.settings} == wanted


async def test_only_edges_that_it_concerns_bear_the_risk(fleet) -> None:
    async with fleet(10, region="eu") as found:
        push = found.control.settings
        assert push.preview(Hello("x", region="ap"), {"region/ap": {"drain": "3s"}}) == ({}, {"drain": "3s"})
        await push.push({"edge/e3": {"default_ttl": BAD}}, author="anna")
        await found.settled()
        assert found.having(BAD) == {"e3"}
        await found.lasts(8)
        assert found.rollout.state is RolloutState.REVERTED
        held = await push.push({"region/ap": {"default_ttl": BAD}}, author="anna")
        assert held.rollout.state is RolloutState.DONE
        assert held.document(EdgeLabels("e1", region="ap"), "e").content == b'{"default_ttl":"13s"}'


async def test_what_is_wrong_is_refused_before_anything_is_taken_back(fleet) -> None:
    async with fleet(3) as found:
        push = found.control.settings
        await push.push({"all": {"default_ttl": "7s"}}, author="anna")
        with pytest.raises(BadDocument, match="default_ttl"):
            await push.push({"all": {"default_ttl": "soon"}}, author="bert")
        assert found.rollout.state is RolloutState.ROLLING
        before = found.control.desired.revision
        await push.push({"all": {"default_ttl": "7s"}}, author="bert")
        assert found.control.desired.revision == before
