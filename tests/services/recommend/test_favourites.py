"""Favourites: the personal part of a list, remembered; nothing of who does not consent."""

import pytest

from services.recommend.favourites import KNOWN_SECONDS, Favourites
from services.recommend.service import Answer, ListSource
from services.recommend.viewers import ViewerRules
from tests.doubles.clock import FakeClock


class Lists:
    """Recommendations that are said."""

    def __init__(self):
        self.asked = []
        self.answer = Answer([("a", 3.9), ("b", 3.1), ("popular", 1.5)], ListSource.BLEND, "v")

    async def recommend(self, user, audience, limit):
        self.asked.append((user, audience.country, audience.maturity))
        return self.answer


class Rules:
    def __init__(self, rules):
        self.rules = rules

    async def rules_of(self, user):
        return self.rules


@pytest.fixture
def lists():
    return Lists()


async def test_favourites_are_the_personal_titles_best_first(lists):
    found = await Favourites(lists, Rules(ViewerRules(12)), FakeClock()).find("p", "DE")
    assert found == {"a": 1.0, "b": 0.5}
    assert lists.asked == [("p", "DE", 12)]


async def test_they_are_asked_for_once_in_a_while(lists):
    clock = FakeClock()
    favourites = Favourites(lists, Rules(ViewerRules()), clock)
    for _ in range(5):
        await favourites.find("p", "DE")
    clock.now += KNOWN_SECONDS + 1
    await favourites.find("p", "DE")
    assert len(lists.asked) == 2


async def test_nothing_is_used_of_who_does_not_consent_or_is_unknown(lists):
    assert await Favourites(lists, Rules(ViewerRules(consent=False)), FakeClock()).find("p", "DE") == {}
    assert lists.asked == []
    lists.answer = Answer([("a", 3.9)], ListSource.TREND, "v")
    assert await Favourites(lists, Rules(ViewerRules()), FakeClock()).find("p", "DE") == {}
