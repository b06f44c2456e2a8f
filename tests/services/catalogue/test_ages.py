"""The age that a title is for, with those it belongs to."""

import pytest

from services.catalogue.ages import find_ages
from services.catalogue.title import Kind, Title


class Reader:
    """Titles by id."""

    def __init__(self, *titles):
        self.titles = {title.content_id: title for title in titles}

    async def get_many(self, content_ids):
        return {name: self.titles[name] for name in content_ids if name in self.titles}


@pytest.mark.parametrize(
    ("series", "season", "episode", "expected"),
    [(16, None, None, 16), (None, 12, None, 12), (6, 12, 16, 16), (16, 6, 0, 16), (None, None, None, None)],
)
async def test_an_episode_is_for_the_age_of_its_season_and_series_too(series, season, episode, expected):
    reader = Reader(
        Title("show", "Show", kind=Kind.SERIES, maturity=series),
        Title("s1", "S1", kind=Kind.SEASON, parent="show", maturity=season),
    )
    one = Title("e1", "E1", kind=Kind.EPISODE, parent="s1", maturity=episode)
    assert await find_ages(reader, [one]) == {"e1": expected}


async def test_parents_that_are_missing_or_go_in_a_circle_end_the_search():
    lost, own = Title("a", "A", parent="gone", maturity=6), Title("b", "B", parent="b", maturity=12)
    assert await find_ages(Reader(own), [lost, own]) == {"a": 6, "b": 12}
