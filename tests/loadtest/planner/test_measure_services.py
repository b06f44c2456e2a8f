"""What a search, a start, a heartbeat and an event cost."""

import pytest

from kernel.errors import MatineeError
from loadtest.planner.measure_services import BATCH_EVENTS, event_batches, typed_queries, with_parts

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
    found = with_parts(report, {"search": {"cpuSecondsPerQuery": 0.001}})
    assert found["capacity"]["search"] == {"cpuSecondsPerQuery": 0.001}
    assert set(found["capacity"]) == {"search", *report.get("capacity", {})}


def test_events_come_in_batches_that_differ():
    batches = event_batches("s-1", 1_000.0)
    one, other = next(batches).decode().splitlines(), next(batches).decode().splitlines()
    assert len(one) == len(other) == BATCH_EVENTS
    assert not set(one) & set(other)
    assert all('sid="s-1"' in line for line in one)
    assert sum("e=rr" in line for line in one) == BATCH_EVENTS - 1
