"""A whole population."""

from collections import Counter

import pytest

from loadtest.population.arrivals import Arrivals, FlashCrowd
from loadtest.population.popularity import Popularity
from loadtest.population.viewers import Population, viewers
from loadtest.session import NetworkProfile

TITLES = [f"title-{rank}" for rank in range(100)]


def of(population, players=500, seed=1, titles=TITLES):
    return list(viewers(population, titles, players=players, seconds=60, seed=seed))


def test_the_same_seed_gives_the_same_viewers_to_the_last_field():
    assert of(Population()) == of(Population())
    assert of(Population()) != of(Population(), seed=2)


def test_another_network_mix_leaves_every_other_draw_as_it_was():
    for one, other in zip(of(Population()), of(Population(networks={"3g": 1})), strict=True):
        assert other.network.name == "3g"
        assert (one.title, one.watch_s, one.device, one.seed) == (other.title, other.watch_s, other.device, other.seed)


def test_viewers_are_numbered_by_their_arrival():
    found = of(Population())
    assert [viewer.number for viewer in found] == list(range(500))
    assert [viewer.arrival_s for viewer in found] == sorted(viewer.arrival_s for viewer in found)


def test_popular_titles_are_watched_more():
    counts = Counter(viewer.title for viewer in of(Population(popularity=Popularity(exponent=1.0, drift=0)), 5000))
    assert sum(counts[title] for title in TITLES[:10]) > 2 * sum(counts[title] for title in TITLES[50:])


def test_a_crowd_wants_its_title_even_where_the_catalogue_is_shorter():
    population = Population(arrivals=Arrivals(crowds=(FlashCrowd(0.5, 1.0, rank=7),)))
    assert {viewer.title for viewer in of(population)} == {"title-7"}
    assert {viewer.title for viewer in of(population, titles=["only"])} == {"only"}


def test_a_story_may_bring_its_own_lines():
    mine = NetworkProfile("satellite", (), 0.6)
    assert {v.network for v in of(Population(networks={"satellite": 1}, own_networks={"satellite": mine}))} == {mine}


def test_an_unknown_line_is_an_error():
    with pytest.raises(KeyError):
        of(Population(networks={"carrier-pigeon": 1}))
