"""The simulated fleet, small: real processes over mTLS, from the first hello to the last process gone."""

from __future__ import annotations

import pytest

from tools.fleet_sim import steps as fleet_sim_steps
from tools.fleet_sim.__main__ import SimulationSettings, simulated
from tools.fleet_sim.stage import Simulation, SimulationFailed
from tools.fleet_sim.steps import Figure, quantile

SMALL = SimulationSettings(
    agents=10, processes=1, titles=20, rows=5, spread=0.0, database=None, folder=None, quick=True, only=(), json=None
)


async def test_a_small_fleet_changes_purges_and_comes_back(tmp_path, monkeypatch, alive):
    """Its figures depend on what else this machine does: they are looked at, not held to anything."""
    monkeypatch.setattr(fleet_sim_steps, "CONTROL_DOWN_SECONDS", 0.1)
    pids = []

    async def look(stage: Simulation) -> list[Figure]:
        pids.extend([stage.pid, *(crowd.pid for crowd in stage.crowds)])
        with pytest.raises(SimulationFailed, match="no edge 'nobody'"):
            await stage.api("GET", "/v1/edges/nobody")
        return []

    monkeypatch.setitem(fleet_sim_steps.STEPS, "look", look)
    steps = ["joins", "rules", "purges", "restart", "look", "after"]
    figures = await simulated(tmp_path, tmp_path / "disks", SMALL, steps, lambda _: None)
    assert all(figure.value is not None for figure in figures)
    counts = {figure.name: figure.value for figure in figures if not figure.unit}
    assert counts.pop("failed connections after control's restart") is not None
    assert set(counts.values()) == {0}
    assert len(pids) == 2
    assert not any(map(alive, pids))


def test_targets():
    assert Figure("x", None, target=1.0).is_missed
    assert Figure("x", 1.1, target=1.0).is_missed
    assert not Figure("x", 1.0, target=1.0).is_missed
    assert not Figure("x", 5.0).is_missed


def test_quantiles():
    assert [quantile([3, 1, 2], share) for share in (0.5, 0.99, 0.0)] == [2, 3, 1]
    assert quantile([], 0.5) is None
