"""What belongs to a series."""

import pytest

from services.recommend.titles import find_series

PARENTS = {"episode": "season", "season": "series", "orphan": "gone", "a": "b", "b": "a"}


@pytest.mark.parametrize(
    ("content", "series"),
    [("episode", "series"), ("season", "series"), ("series", "series"), ("film", "film"), ("orphan", "gone")],
)
def test_an_episode_leads_to_its_series(content, series):
    assert find_series(content, PARENTS.get) == series


def test_a_circle_ends():
    assert find_series("a", PARENTS.get) in ("a", "b")
