"""The CPU of a search."""

import pytest

from kernel.errors import MatineeError
from loadtest.planner.measure_search import typed_queries, with_search

TITLES = ["The Long Voyage", "Voyage Home", "It"]


def test_queries_are_words_of_titles_whole_cut_and_mistyped():
    found = typed_queries(TITLES, 400, seed=1)
    words = {"The", "Long", "Voyage", "Home"}
    whole = [query for query in found if query in words]
    assert 0.4 < len(whole) / 400 < 0.7
    assert "Voy" in found
    assert all(len(query) >= 2 for query in found)
    assert found == typed_queries(TITLES, 400, seed=1)


def test_without_titles_there_is_nothing_to_search_for():
    with pytest.raises(MatineeError, match="no title"):
        typed_queries(["It"], 3, seed=1)


@pytest.mark.parametrize("report", [{}, {"capacity": {"edge": {}}}])
def test_the_figure_joins_those_of_the_run(report):
    found = with_search(report, {"cpuSecondsPerQuery": 0.001})
    assert found["capacity"]["search"] == {"cpuSecondsPerQuery": 0.001}
    assert set(found["capacity"]) == {"search", *report.get("capacity", {})}
