"""A title as ranking reads it."""

import random

import pytest

from services.search.index.entry import IndexedPerson, is_licensed, make_row, popularity_rank, share_texts, title_tokens
from tests.services.search.conftest import entry


def test_ranks_order_by_popularity_and_are_the_same_everywhere():
    values = [0.0, 1e-9, 0.5, 1.0, 1.0001, 3e5, 1e12]
    ranks = [popularity_rank(value, f"t{random.randrange(99)}") for value in values]
    assert ranks == sorted(ranks)
    assert len({rank >> 31 for rank in ranks}) == len(values)
    assert max(ranks) < 1 << 63
    assert popularity_rank(5.0, "a") == popularity_rank(5.0, "a") != popularity_rank(5.0, "b")


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -1.0])
def test_odd_popularities_count_as_none(odd):
    assert popularity_rank(odd, "a") == popularity_rank(0.0, "a")


def test_tokens_have_numbers_in_both_forms():
    assert {"rocky", "ii", "2"} <= set(title_tokens(["Rocky II"]))


def test_people_of_cast_and_crew_are_named_once():
    row = make_row(entry("a", cast=("Ann Lee",), people=(IndexedPerson("Ann Lee", "Eve"), IndexedPerson("Bo Ek"))))
    assert row.people == ("ann lee", "bo ek")
    assert row.characters == ("eve",)


def test_an_unknown_country_sees_only_what_is_licensed_everywhere():
    assert is_licensed(make_row(entry("a")), None)
    assert not is_licensed(make_row(entry("a", countries=("DE",))), None)
    assert not is_licensed(make_row(entry("a", countries=())), "DE")


def test_rows_share_texts_and_stay_the_same():
    first, second = (
        make_row(entry(name, f"Star {name}", genres=(f"Drama {size}",), cast=(f"Tom Hanks {size}",)))
        for name, size in (("a", 1), ("b", 1))
    )
    shared = [share_texts(row) for row in (first, second)]
    assert shared == [first, second]
    assert shared[0].tokens[0] is shared[1].tokens[0]
    assert shared[0].shown_people[0] is shared[1].shown_people[0]
    assert shared[0].genres is shared[1].genres
