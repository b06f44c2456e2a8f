"""Popularity, prefetches and reports put together."""

from __future__ import annotations

from dataclasses import replace

from edge.counters import COUNTERS
from tests.scenario.stage import Scenario


async def test_every_counter_of_prefetching_is_in_the_table(tcp: Scenario) -> None:
    e1 = tcp.edge("e1", upstream=tcp.library("o1"))
    await e1.started()
    assert e1.edge is not None
    assert set(e1.edge.prefetch_service.metrics()) <= {row.name for row in COUNTERS}
    assert not e1.edge.prefetch("/cdn/eu/film/ä")


async def test_new_settings_hold_at_once(tcp: Scenario) -> None:
    e1 = tcp.edge("e1", upstream=tcp.library("o1"))
    await e1.started()
    assert e1.edge is not None
    settings = replace(e1.edge.settings, prefetch="off", prefetch_rate=5, prefetch_disk_share=0.5)
    e1.edge.prefetch_service.configure(settings)
    budget = e1.edge.prefetch_service.background.budget
    assert (budget.rate, budget.room) == (5, settings.disk // 2)
