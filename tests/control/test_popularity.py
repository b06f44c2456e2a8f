"""What viewers take, merged of the edges' reports."""

import pytest

from control.popularity import FORGET_AFTER, HALF_LIFE, UNKNOWN_SIZE, Popularity, Rendition
from kernel.fleet import Popular

A, B = Rendition("a", "v720"), Rendition("b", "v720")


def row(title: str, taken: float, size: int = 100, requests: float = 1.0) -> Popular:
    return Popular(title, "v720", taken, requests, size)


def test_popularity_is_bytes_served_over_size():
    seen = Popularity()
    seen.report("e1", "eu", [row("a", 1000.0, 1000), row("b", 500.0, 100)], 0.0)
    assert [(rank.rendition, rank.popularity) for rank in seen.ranked(0.0)] == [(B, 5.0), (A, 1.0)]


def test_edges_add_up_in_their_region_and_everywhere():
    seen = Popularity()
    seen.report("e1", "eu", [row("a", 100.0)], 0.0)
    seen.report("e2", "eu", [row("a", 200.0)], 0.0)
    seen.report("u1", "us", [row("b", 100.0)], 0.0)
    assert [rank.bytes for rank in seen.ranked(0.0, "eu")] == [300.0]
    assert {rank.rendition: rank.share for rank in seen.ranked(0.0)} == {A: 0.75, B: 0.25}
    assert seen.regions == ["eu", "us"]


def test_an_edge_that_reports_again_replaces_what_it_said():
    seen = Popularity()
    seen.report("e1", "eu", [row("a", 100.0)], 0.0)
    seen.report("e1", "eu", [row("b", 10.0)], 2.0)
    assert [rank.rendition for rank in seen.ranked(2.0)] == [B]


def test_the_word_of_a_silent_edge_fades_and_is_forgotten():
    seen = Popularity()
    seen.report("e1", "eu", [row("a", 100.0)], 0.0)
    assert seen.ranked(HALF_LIFE)[0].bytes == pytest.approx(50.0)
    assert seen.ranked(FORGET_AFTER + 1) == []
    assert seen.regions == []


def test_a_rendition_of_unknown_size_counts_as_a_large_one():
    seen = Popularity()
    seen.report("e1", "eu", [row("a", float(UNKNOWN_SIZE), 0)], 0.0)
    seen.report("e2", "eu", [row("b", 100.0)], 0.0)
    seen.forget("e2")
    assert [rank.popularity for rank in seen.ranked(0.0)] == [1.0]


def test_a_title_that_takes_a_tenth_of_all_requests_is_seen_within_seconds():
    """From nothing, among a thousand titles that have been watched for long."""
    seen, long = Popularity(), 1 / (1 - 0.5 ** (1 / HALF_LIFE))  # the faded sum of one unit a second, for ever
    tail = [row(f"t{number}", long * 900.0 / (number + 1) / 7.5) for number in range(1000)]
    fresh = sum(0.5 ** (age / HALF_LIFE) for age in range(8)) * 100.0
    seen.report("e1", "eu", [*tail, row("new", fresh)], 0.0)
    places = [rank.rendition.content_id for rank in seen.ranked(0.0)]
    assert places.index("new") < 20
