"""Grades: how well a title matches a query spelt right."""

import pytest

from services.search.index.entry import IndexedPerson, make_row
from services.search.query.parse import parse_query
from services.search.ranking.grade import Grade, grade_title, has_all_words, score_beginning, score_title
from tests.services.search.conftest import entry

MATCHES = [
    ("The Godfather", (), "the godfather", Grade.SAME),
    ("The Godfather", (), "godfather", Grade.WHOLE),
    ("Rocky II", (), "rocky 2", Grade.WHOLE),
    ("The Godfather", (), "the god", Grade.BEGINNING),
    ("A Fine Day Out", (), "day out", Grade.PHRASE),
    ("A Fine Day Out", (), "out fine", Grade.WORDS),
    ("A Fine Day Out", (), "out fi", Grade.WORDS_BEGIN),
    ("Big", ("Tom Hanks",), "tom hanks", Grade.PERSON),
    ("Big", ("Tom Hanks",), "tom ha", Grade.PEOPLE_BEGIN),
    ("Big", ("Tom Hanks",), "hanks big", Grade.MIXED),
    ("Big", (), "wednesday", Grade.TEXT),
]


@pytest.mark.parametrize(("title", "cast", "typed", "expected"), MATCHES)
def test_grades(title, cast, typed, expected):
    row = make_row(entry("a", title, people=tuple(IndexedPerson(name) for name in cast)))
    assert grade_title(row, parse_query(typed)) is expected


def test_popularity_decides_within_a_grade_only():
    query = parse_query("day out")
    plain, popular = make_row(entry("a", "Fine Day Out")), make_row(entry("b", "Fine Day Out", popularity=1e9))
    assert score_title(popular, query, Grade.PHRASE) > score_title(plain, query, Grade.PHRASE)
    assert score_title(popular, query, Grade.WORDS) < score_title(plain, query, Grade.PHRASE)


def test_of_beginnings_the_shorter_or_much_more_popular_goes_first():
    query = parse_query("the god")
    short, long = make_row(entry("a", "The Gods")), make_row(entry("b", "The Godfather: Part Two", popularity=5.0))
    famous = make_row(entry("c", "The Godfather: Part Two", popularity=50_000.0))
    assert score_beginning(famous, query) > score_beginning(short, query) > score_beginning(long, query)
    assert score_beginning(famous, query) < score_title(short, query, Grade.SAME)


def test_all_words_means_whole_words():
    row = make_row(entry("a", "Big", cast=("Tom Hanks",)))
    assert has_all_words(row, parse_query("hanks big"))
    assert not has_all_words(row, parse_query("hank big"))
