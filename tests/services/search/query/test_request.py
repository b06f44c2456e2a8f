"""The order of hits: exact names, what resembles them, descriptions; clicks and taste lift exact ones."""

from services.search.index.entry import make_row
from services.search.query.request import Boosts, Hit, Stage, order_hits
from services.search.ranking.grade import Grade
from tests.services.search.conftest import entry


def hit(name, score, stage=Stage.EXACT, grade=Grade.WORDS):
    return Hit(make_row(entry(name)), stage, grade, score)


HITS = [
    hit("text", 1.5, grade=Grade.TEXT),
    hit("typo", -0.5, Stage.TYPO, Grade.NONE),
    hit("begun", 2.5, grade=Grade.PEOPLE_BEGIN),
    hit("far", -1.9, Stage.TYPO, Grade.NONE),
    hit("low", 6.1),
    hit("high", 6.9),
    hit("hint", 6.5, Stage.HINT, Grade.TEXT),
]


def order(boosts):
    return [one.row.content_id for one in order_hits(HITS, boosts)]


def test_exact_names_then_typos_then_descriptions():
    assert order(Boosts()) == ["high", "low", "typo", "hint", "begun", "far", "text"]


def test_clicks_lift_exact_matches_and_never_a_typo():
    assert order(Boosts(clicks={"low": 1.0, "typo": 1.0})) == ["low", "high", "typo", "hint", "begun", "far", "text"]


def test_a_lift_is_bounded():
    assert order(Boosts(taste={"low": 1e9})) == ["high", "low", "typo", "hint", "begun", "far", "text"]
