"""Searches read from query parameters."""

import pytest
from aiohttp.test_utils import make_mocked_request

from kernel.errors import BadRequest
from services.search.query.filters import Filters
from services.search.query.request import MAX_OFFSET, Sort
from services.search.query.request_params import read_parameters


def read(query, maturity=None):
    return read_parameters(make_mocked_request("GET", f"/search?{query}"), "DE", maturity)


def test_all_parameters():
    asked = read(
        "query=%20the%20%20night&genre=Sci-Fi&cast=Ann%20Lee&yearFrom=1990&yearTo=1999&language=DE&ratingFrom=7.5"
        "&maturity=12&tier=hd&series=false&playable=1&sort=year&typos=0&facets=genre,year&limit=7&highlight=1"
    )
    assert asked.text == "the night"
    assert asked.filters == Filters(
        "DE", ("sci fi",), 1990, 1999, ("ann lee",), "de", 7.5, 12, "hd", playable=True, series=False
    )
    assert (asked.limit, asked.sort, asked.typos, asked.paged, asked.highlight) == (7, Sort.YEAR, False, True, True)


def test_a_profile_limits_the_age_that_may_be_asked_for():
    assert read("query=a", 12).filters.maturity == 12
    assert read("query=a&maturity=18", 12).filters.maturity == 12
    assert read("query=a&maturity=6", 12).filters.maturity == 6


def test_a_cursor_continues_its_search_until_the_end():
    asked = read("query=a&cursor=&limit=10")
    cursor = asked.next_cursor(25, 10)
    assert read(f"query=a&limit=10&cursor={cursor}").offset == 10
    assert asked.next_cursor(10, 10) is None
    assert asked.next_cursor(25, 0) is None
    with pytest.raises(BadRequest, match="another search"):
        read(f"query=a&genre=b&cursor={cursor}")


@pytest.mark.parametrize("offset", [-1, MAX_OFFSET + 1, 2**62])
def test_absurd_cursors_are_refused(offset):
    asked = read("query=a&cursor=")
    far = type(asked)(**{name: getattr(asked, name) for name in asked.__slots__} | {"offset": offset - 1})
    cursor = far.next_cursor(2**63, 1)
    if cursor is not None:
        with pytest.raises(BadRequest):
            read(f"query=a&cursor={cursor}")


def test_series_is_a_kind_or_a_title():
    assert read("query=a&series=1").filters.series is True
    assert read("query=a&series=show-1").filters.parent == "show-1"
    with pytest.raises(BadRequest):
        read("query=a&series=..%2F")
