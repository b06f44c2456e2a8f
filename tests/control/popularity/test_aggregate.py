"""What viewers take, merged of the edges' reports."""

import pytest

from control.popularity.aggregate import HALF_LIFE, MAX_CREDIT_SECONDS, UNKNOWN_SIZE, Popularity, Rendition
from kernel.fleet.messages import Popular

A, B = Rendition("a", "v720"), Rendition("b", "v720")


def row(title: str, taken: float, size: int = 100, requests: float = 1.0) -> Popular:
    return Popular(title, "v720", taken, requests, size)


def test_popularity_is_bytes_served_over_size():
    seen = Popularity()
    seen.record_report("e1", "eu", [row("a", 1000.0, 1000), row("b", 500.0, 100)], 0.0)
    assert [(rank.rendition, rank.popularity) for rank in seen.ranked(0.0)] == [(B, 5.0), (A, 1.0)]


def test_edges_add_up_in_their_region_and_everywhere():
    seen = Popularity()
    seen.record_report("e1", "eu", [row("a", 100.0)], 0.0)
    seen.record_report("e2", "eu", [row("a", 200.0)], 0.0)
    seen.record_report("u1", "us", [row("b", 100.0)], 0.0)
    assert [rank.bytes for rank in seen.ranked(0.0, "eu")] == [300.0]
    assert {rank.rendition: rank.share for rank in seen.ranked(0.0)} == {A: 0.75, B: 0.25}
    assert seen.regions == ["eu", "us"]
    assert seen.ranked(0.0, "asia") == []


def test_what_is_told_again_counts_once():
    seen = Popularity()
    for now in (0.0, 2.0, 4.0):
        seen.record_report("e1", "eu", [row("a", 100.0 * 0.5 ** (now / HALF_LIFE))], now)
    assert seen.ranked(4.0)[0].bytes == pytest.approx(100.0 * 0.5 ** (4.0 / HALF_LIFE))


def test_the_word_of_a_silent_edge_fades():
    seen = Popularity()
    seen.record_report("e1", "eu", [row("a", 100.0)], 0.0)
    assert seen.ranked(HALF_LIFE)[0].bytes == pytest.approx(50.0)
    assert seen.ranked(20 * HALF_LIFE) == []


def test_an_edge_that_began_anew_counts_anew():
    seen = Popularity()
    seen.record_report("e1", "eu", [row("a", 1000.0)], 0.0)
    seen.record_report("e1", "eu", [row("a", 100.0)], 0.0)
    assert seen.ranked(0.0)[0].bytes >= 1100.0


def test_a_rendition_of_unknown_size_counts_as_a_large_one():
    seen = Popularity()
    seen.record_report("e1", "eu", [row("a", float(UNKNOWN_SIZE), 0)], 0.0)
    assert [rank.popularity for rank in seen.ranked(0.0)] == [1.0]
    seen.record_report("e1", "eu", [row("b", 100.0, 50), row("b", 200.0, 40)], 0.0)
    assert seen.ranked(0.0)[0].popularity >= 4.0


def test_a_rise_is_seen_in_seconds_and_an_old_sum_is_none():
    """A rendition that is watched as ever does not rise, one that was not watched before does."""
    seen, rate = Popularity(), 1000.0
    steady = rate * HALF_LIFE / 0.6931
    for step in range(4):
        now = 2.0 * step
        new = rate * 2.0 * step
        seen.record_report("e1", "eu", [row("a", steady), *([row("b", new)] if new else [])], now)
    ranks = {rank.rendition: rank for rank in seen.ranked(6.0, "eu")}
    assert ranks[A].rise < 1.5
    assert ranks[B].rise > 3.0
    assert ranks[B].share > 0.25
    seen.forget("e1")
    seen.record_report("e1", "eu", [row("a", steady)], 6.0)
    assert {rank.rendition: rank for rank in seen.ranked(6.0, "eu")}[A].rise < 1.5


def test_an_edge_tells_of_no_more_than_it_can_have_sent() -> None:
    """One that claimed a petabyte pushed all that others tell of off the list."""
    found = Popularity()
    found.record_report("e1", "eu", [Popular("film", "v720", 1e9, 900.0)], 0.0, 1.25e8)
    for second in range(0, 60, 2):
        found.record_report("e9", "eu", [Popular(f"film-{second}", "v720", 1e15, 1e9)], float(second), 1.25e8)
    told = sum(rank.bytes for rank in found.ranked(58.0) if rank.rendition.content_id != "film")
    assert (
        told <= (MAX_CREDIT_SECONDS + 60) * 1.25e8 * 12
    )  # the sum of seconds counts for as long as the one of the last minute


def test_a_node_that_changes_its_region_leaves_nothing_behind() -> None:
    found = Popularity()
    for number in range(100):
        found.record_report("e9", f"r{number}", [Popular("film", "v720", 1e9, 900.0)], 0.0)
        found.forget_others({"e9"}, {f"r{number}"})
    assert found.regions == ["r99"]
    found.forget_others(set(), set())
    assert found.regions == []
