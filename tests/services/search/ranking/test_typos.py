"""Ratings of titles that resemble a query."""

import pytest

from services.search.index.entry import make_row
from services.search.query.parse import parse_query
from services.search.ranking.popularity import weigh_title
from services.search.ranking.typos import allowed_typos, rate_titles
from tests.services.search.conftest import entry


def best(typed, *titles, **popularity):
    rows = [make_row(entry(title, title, popularity=popularity.get(title, 0.0))) for title in titles]
    everyones = sorted(row.popularity for row in rows)
    return [found.row.title for found in rate_titles(rows, parse_query(typed), lambda row: weigh_title(row, everyones))]


ORDERS = [
    ("gladaitor", ["Gladiator", "Radiator"], "Gladiator"),
    ("star wrs", ["Star Wars", "Star Wars: Rebels Forever", "Stars"], "Star Wars"),
    ("the forst", ["The Forest", "Forest", "The Forest Rangers"], "The Forest"),
    ("gladiatr risng", ["Gladiator Rising", "Gladiator"], "Gladiator Rising"),
    ("godfa", ["Godfather", "Godard"], "Godfather"),
]


@pytest.mark.parametrize(("typed", "titles", "expected"), ORDERS)
def test_the_title_that_resembles_most_goes_first(typed, titles, expected):
    assert best(typed, *titles)[0] == expected


def test_popularity_decides_between_equal_resemblance_but_not_between_one_and_two_errors():
    assert best("stax", "Star", "Stay", Stay=100.0)[0] == "Stay"
    assert best("gladiatox", "Gladiator", "Xladiator", Xladiator=1e9)[0] == "Gladiator"


def test_what_does_not_resemble_is_left_out():
    assert best("gladiator", "Casablanca", "Go") == []
    assert best("cat", "Dog", "Cut") == []


@pytest.mark.parametrize(("typed", "expected"), [("cat", 0), ("star", 1), ("gladiator", 2), ("the long goodbye", 3)])
def test_longer_queries_may_have_more_errors(typed, expected):
    assert allowed_typos(parse_query(typed)) == expected
