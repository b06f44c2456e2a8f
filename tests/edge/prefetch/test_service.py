"""Popularity, prefetches and reports put together."""

from __future__ import annotations

from dataclasses import replace

from edge.counters import COUNTERS
from edge.prefetch.service import SWEEP_SECONDS
from tests.scenario.player import Film, Player
from tests.scenario.stage import Scenario


async def test_a_report_tells_what_happened_since_the_last(tcp: Scenario) -> None:
    o1 = tcp.library("o1")
    film = Film(o1, "film", {"v720": 4_000}, 5)
    e1 = tcp.edge("e1", upstream=o1, prefetch="off")
    player = Player(e1, tcp.network)
    for number in (0, 1, 0, 0, 0):
        await player.asks(film.path("v720", number))
    await e1.until(fills_running=0)
    assert e1.edge is not None
    await tcp.clock.advance(SWEEP_SECONDS)
    first = e1.edge.prefetch_service.report()
    assert (first.seconds, first.requests, first.hits, first.errors, first.ready) == (2.0, 5, 3, 0, True)
    assert (first.bytes_sent, first.bytes_filled) == (player.bytes, e1.edge.counts.bytes_filled)
    assert first.connections == 1
    (row,) = first.popular
    assert (row.content_id, row.rendition, round(row.requests)) == ("film", "v720", 5)
    await player.asks("/cdn/eu/film/v720/none.m4s/")
    await tcp.clock.advance(SWEEP_SECONDS)
    second = e1.edge.prefetch_service.report()
    assert (second.requests, second.hits) == (1, 0)
    player.leaves()


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
    e1.edge.prefetch_service.follow(settings)
    budget = e1.edge.prefetch_service.unhurried.budget
    assert (budget.rate, budget.room) == (5, settings.disk // 2)
    assert e1.edge.prefetch_service.foresight._by_playlist is False
