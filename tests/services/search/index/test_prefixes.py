"""Suggestions: titles, people and genres that begin with what was typed."""

import pytest

from services.search.index.entry import IndexedPerson, make_row
from services.search.index.prefixes import PrefixTable
from tests.services.search.conftest import entry

ROWS = [
    make_row(one)
    for one in (
        entry("gf", "The Godfather", popularity=90.0, genres=("Crime",), cast=("Al Pacino",)),
        entry("gz", "Godzilla", popularity=50.0, genres=("Action",), countries=("DE",)),
        entry("go", "Go", popularity=5.0, maturity=16),
        entry("heat", "Heat", popularity=70.0, people=(IndexedPerson("Al Pacino"),), genres=("Crime",)),
        entry("heat2", "Heat", popularity=7.0),
        entry("ru", "Солярис", popularity=3.0),
    )
]

TYPED = [
    ("god", "DE", None, [("The Godfather", "title"), ("Godzilla", "title")]),
    ("god", "FR", None, [("The Godfather", "title")]),
    ("god", None, None, [("The Godfather", "title")]),
    ("g", "DE", None, [("The Godfather", "title"), ("Godzilla", "title"), ("Go", "title")]),
    ("g", "DE", 12, [("The Godfather", "title"), ("Godzilla", "title")]),
    ("the godf", "DE", None, [("The Godfather", "title")]),
    ("pac", "DE", None, [("Al Pacino", "person")]),
    ("al p", "DE", None, [("Al Pacino", "person")]),
    ("CRI", "DE", None, [("Crime", "genre")]),
    ("act", "FR", None, []),
    ("heat", "DE", None, [("Heat", "title")]),
    ("соля", "DE", None, [("Солярис", "title")]),
    ("zzz", "DE", None, []),
    ("", "DE", None, []),
]


@pytest.mark.parametrize(("typed", "country", "maturity", "expected"), TYPED)
def test_suggestions(typed, country, maturity, expected):
    found = PrefixTable(ROWS).suggest(typed, country, maturity, 10)
    assert [(one.text, one.kind) for one in found] == expected


def test_the_most_popular_of_very_many_are_suggested():
    rows = [make_row(entry(f"t{n}", f"Night {n:05d}", popularity=float(n))) for n in range(2000)]
    found = PrefixTable(rows).suggest("night", "DE", None, 3)
    assert [one.content_id for one in found] == ["t1999", "t1998", "t1997"]
