"""Jobs joined with an edge; the scenarios of jobs play the whole."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from edge.fleet.checkpoint_file import Checkpoint
from edge.fleet.control_link import ControlCallbacks
from edge.fleet.job_setup import catch_up, connect_receipts, make_job_runner, with_job_callbacks
from edge.fleet.jobs import CONTACT_EVERY
from tests.scenario.clock import FakeClock


def edge(jobs: Any) -> Any:
    return SimpleNamespace(
        jobs=jobs, clock=FakeClock(), cache=SimpleNamespace(tiers="tiers"), doubted=0,
        settings=SimpleNamespace(fleet_dir=None, control=()),
    )  # fmt: skip


def test_without_control_there_are_no_jobs():
    assert make_job_runner(edge(None)) is None
    ears = ControlCallbacks()
    assert with_job_callbacks(ears, None) is ears
    connect_receipts(None, None)


@pytest.mark.parametrize(("contact", "before"), [(0.0, float("inf")), (100.0, -100.0 + CONTACT_EVERY)])
async def test_what_is_older_than_the_last_contact_is_doubted(monkeypatch, contact: float, before: float):
    async def settled() -> bool:
        return False

    asked = []

    async def doubt(tiers: object, moment: float) -> int:
        asked.append((tiers, moment))
        return 3

    monkeypatch.setattr("edge.fleet.job_setup.mark_stale_before", doubt)
    stage = edge(SimpleNamespace(settled=settled, kept=None))
    stage.jobs.kept = Checkpoint(contact=contact and stage.clock.wall() - contact)
    await catch_up(stage)
    assert asked == [("tiers", stage.clock.mono() + before if contact else before)]
    assert stage.marked_stale == 3
