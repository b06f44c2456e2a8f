"""Weights of titles: by their place among all, whatever the unit of popularity."""

import pytest

from services.search.index.entry import make_row
from services.search.ranking.popularity import merge_changes, weigh_title
from tests.services.search.conftest import entry


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_a_weight_depends_on_the_place_among_all_and_not_on_the_unit(unit):
    everyones = sorted(unit * n for n in range(1, 101))
    weights = [weigh_title(make_row(entry("a", popularity=unit * n)), everyones) for n in (1, 50, 90, 99, 100)]
    assert weights == sorted(weights)
    assert weights[0] == pytest.approx(0.0, abs=0.01)
    assert weights[-1] == pytest.approx(0.97)
    assert weights[2] == pytest.approx(0.97 * (1 - 0.52), abs=0.01), "ten of a hundred: about half"


def test_titles_of_one_popularity_weigh_the_same():
    assert weigh_title(make_row(entry("a")), [0.0] * 50) == 0.0
    assert weigh_title(make_row(entry("a", popularity=3.0)), [3.0]) == 0.0


@pytest.mark.parametrize("count", [3, 500])
def test_changes_keep_the_list_sorted_and_lose_nothing(count):
    added = [float((n * 7) % 11) for n in range(count)]
    merged = merge_changes([1.0, 2.0, 2.0], added, [2.0, added[0]])
    assert merged == sorted([1.0, 2.0, *added[1:]])
