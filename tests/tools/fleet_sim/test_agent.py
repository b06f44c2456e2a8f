"""An agent of the simulated fleet: what it says of its viewers, and which settings it refuses."""

from __future__ import annotations

import pytest

from edge.fleet.apply import FleetState
from kernel.errors import BadSettings
from kernel.fleet.messages import SETTINGS, Hello
from kernel.heavy_hitters import HALF_LIFE
from tests.certificates import credentials, fleet_authority
from tests.doubles.clock import FakeClock
from tools.fleet_sim.agent import (
    DECAYED_REQUESTS,
    HARMFUL_SETTINGS,
    REFUSED_SETTINGS,
    REPORT_REQUESTS,
    Agent,
    SharedWorld,
    refuse_settings,
    zipf,
)


def test_tastes_are_steady_and_few_titles_have_most():
    rows = zipf(50)
    assert sum(row.requests for row in rows) == pytest.approx(DECAYED_REQUESTS)
    assert rows[0].requests == pytest.approx(10 * rows[9].requests)


async def test_a_title_rises_as_the_faded_sum_of_its_requests_does():
    clock = FakeClock()
    world = SharedWorld(clock, [], lambda _: None, zipf(3), ("rising", 0.1, clock.mono()))
    assert world.popularity()[0].requests == 0
    await clock.advance(HALF_LIFE)
    assert world.popularity()[0].requests == pytest.approx(DECAYED_REQUESTS * 0.1 / 2)
    assert world.popularity()[1:] == world.popular


def test_settings_that_are_refused():
    refuse_settings(FleetState(documents={SETTINGS: HARMFUL_SETTINGS}))
    with pytest.raises(BadSettings, match="default_ttl"):
        refuse_settings(FleetState(documents={SETTINGS: REFUSED_SETTINGS}))


async def test_harmful_settings_make_errors(tmp_path):
    told = []
    world = SharedWorld(FakeClock(), ["127.0.0.1:1"], told.append)
    agent = Agent(Hello("e1"), credentials(fleet_authority()), tmp_path, world, 0.5)
    assert agent.make_report().errors == 0
    agent.apply_state(FleetState(documents={SETTINGS: HARMFUL_SETTINGS}))
    agent.apply_state(FleetState(documents={SETTINGS: HARMFUL_SETTINGS}))
    assert [(event.kind, event.agent, event.text) for event in told] == [
        ("settings", "e1", HARMFUL_SETTINGS["default_ttl"])
    ]
    assert agent.make_report().errors == REPORT_REQUESTS // 3
