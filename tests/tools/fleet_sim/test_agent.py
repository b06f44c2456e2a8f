"""An agent of the simulated fleet: what it says of its viewers, and which settings it refuses."""

from __future__ import annotations

import pytest

from edge.fleet.apply import FleetState
from kernel.errors import BadSettings
from kernel.fleet.messages import SETTINGS, Hello
from kernel.heavy_hitters import HALF_LIFE
from tests.certificates import credentials, fleet_authority
from tests.doubles.clock import FakeClock
from tools.fleet_sim.agent import HARMFUL, IN_SUM, REFUSED, REQUESTS, Agent, World, _accepts, zipf


def test_tastes_are_steady_and_few_titles_have_most():
    rows = zipf(50)
    assert sum(row.requests for row in rows) == pytest.approx(IN_SUM)
    assert rows[0].requests == pytest.approx(10 * rows[9].requests)


async def test_a_title_rises_as_the_faded_sum_of_its_requests_does():
    clock = FakeClock()
    world = World(clock, [], lambda _: None, zipf(3), ("rising", 0.1, clock.mono()))
    assert world.taken()[0].requests == 0
    await clock.advance(HALF_LIFE)
    assert world.taken()[0].requests == pytest.approx(IN_SUM * 0.1 / 2)
    assert world.taken()[1:] == world.popular


def test_settings_that_are_refused():
    _accepts(FleetState(documents={SETTINGS: HARMFUL}))
    with pytest.raises(BadSettings, match="default_ttl"):
        _accepts(FleetState(documents={SETTINGS: REFUSED}))


async def test_harmful_settings_make_errors(tmp_path):
    told = []
    world = World(FakeClock(), ["127.0.0.1:1"], told.append)
    agent = Agent(Hello("e1"), credentials(fleet_authority()), tmp_path, world, 0.5)
    assert agent._report().errors == 0
    agent._take(FleetState(documents={SETTINGS: HARMFUL}))
    agent._take(FleetState(documents={SETTINGS: HARMFUL}))
    assert [(event.kind, event.agent, event.text) for event in told] == [("settings", "e1", HARMFUL["default_ttl"])]
    assert agent._report().errors == REQUESTS // 3
