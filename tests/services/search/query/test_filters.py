"""Filters as a predicate of rows; that the index agrees is tested with the facets."""

import pytest

from services.search.index.entry import make_row
from services.search.query.filters import Filters, passes
from tests.services.search.conftest import entry

FILM = make_row(
    entry("a", year=1999, genres=("Science Fiction",), cast=("Ann Lee", "Bo Ek"), countries=("DE",), rating=7.0,
          maturity=12, tier="hd", languages=("de-AT",), kind="episode", parent="show", playable=True)
)  # fmt: skip
PLAIN = make_row(entry("b"))

CASES = [
    (FILM, Filters("DE"), True),
    (FILM, Filters("FR"), False),
    (FILM, Filters(None), False),
    (
        FILM,
        Filters("DE", ("science fiction",), 1999, 1999, ("bo ek",), "de-at", 7.0, 12, "hd", True, True, "show"),
        True,
    ),
    (FILM, Filters("DE", year_to=1998), False),
    (FILM, Filters("DE", maturity=11), False),
    (FILM, Filters("DE", rating_from=7.1), False),
    (FILM, Filters("DE", cast=("ann lee", "cy")), False),
    (FILM, Filters("DE", series=False), False),
    (PLAIN, Filters(None, year_to=2000), False),
    (PLAIN, Filters(None, rating_from=0.0), False),
    (PLAIN, Filters(None, tier="sd", maturity=0, series=False), True),
    (PLAIN, Filters(None, playable=True), False),
]


@pytest.mark.parametrize(("row", "filters", "expected"), CASES)
def test_what_passes(row, filters, expected):
    assert passes(row, filters) is expected
