"""What the simulated fleet runs on: its members, what they told. With processes: test_fleet_sim_steps."""

from __future__ import annotations

from tools.fleet_sim.stage import EventLog, Fleet


def test_some_are_shields_and_every_region_has_its_edges():
    who = Fleet(agents=20, processes=2, shields=2, titles=5, rows=5, spread=0.0).who()
    assert [one["id"] for one in who[:3]] == ["s0", "s1", "e2"]
    assert [one["role"] for one in who].count("shield") == 2
    assert len({one["region"] for one in who if one["role"] == "edge"}) == 5


async def test_the_ledger_knows_the_latest_of_each_and_all_since():
    ledger = EventLog()
    ledger.take(
        [["applied rules", "e1", 1.0, 4, ""], ["applied rules", "e1", 2.0, 5, ""], ["failed", "e2", 3.0, 0, "x"]]
    )
    assert ledger.of("applied rules")["e1"].number == 5
    assert [event.number for event in ledger.since("applied rules", 1.5)] == [5]
    assert ledger.of("never") == {}
    assert await ledger.until(lambda: True, 0)
    assert not await ledger.until(lambda: False, 0)
