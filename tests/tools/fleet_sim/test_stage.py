"""What the simulated fleet runs on: its members, what they told. With processes: test_fleet_sim_steps."""

from __future__ import annotations

from tools.fleet_sim.stage import EventLog, SimulatedFleet


def test_some_are_shields_and_every_region_has_its_edges():
    who = SimulatedFleet(agents=20, processes=2, shields=2, titles=5, rows=5, spread=0.0).identities()
    assert [one["id"] for one in who[:3]] == ["s0", "s1", "e2"]
    assert [one["role"] for one in who].count("shield") == 2
    assert len({one["region"] for one in who if one["role"] == "edge"}) == 5


async def test_the_ledger_knows_the_latest_of_each_and_all_since():
    ledger = EventLog()
    ledger.record(
        [["applied rules", "e1", 1.0, 4, ""], ["applied rules", "e1", 2.0, 5, ""], ["failed", "e2", 3.0, 0, "x"]]
    )
    assert ledger.latest_of("applied rules")["e1"].number == 5
    assert [event.number for event in ledger.since("applied rules", 1.5)] == [5]
    assert ledger.latest_of("never") == {}
    assert await ledger.wait_until(lambda: True, 0)
    assert not await ledger.wait_until(lambda: False, 0)
