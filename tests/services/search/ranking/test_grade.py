"""Grades: how well a title matches a query spelt right."""

import pytest

from services.search.index.entry import IndexedPerson, make_row
from services.search.query.parse import parse_query
from services.search.ranking.grade import Grade, grade_title, score_beginning, score_title
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
    ("War and the Hour", (), "warth", Grade.JOINED_BEGIN),
    ("The Matrix", (), "matr", Grade.BEGINNING),
]


@pytest.mark.parametrize(("title", "cast", "typed", "expected"), MATCHES)
def test_grades(title, cast, typed, expected):
    row = make_row(entry("a", title, people=tuple(IndexedPerson(name) for name in cast)))
    assert grade_title(row, parse_query(typed)) is expected


def test_popularity_decides_within_a_grade_only():
    query, row = parse_query("day out"), make_row(entry("a", "Fine Day Out"))
    assert score_title(row, query, Grade.PHRASE, 1.0) > score_title(row, query, Grade.PHRASE, 0.0)
    assert score_title(row, query, Grade.WORDS, 1.0) < score_title(row, query, Grade.PHRASE, 0.0)


def test_of_beginnings_the_shorter_or_much_more_popular_goes_first():
    query = parse_query("the god")
    short, long = make_row(entry("a", "The Gods")), make_row(entry("b", "The Godfather: Part Two"))
    famous, ordinary = score_beginning(long, query, 1.0), score_beginning(long, query, 0.1)
    assert famous > score_beginning(short, query, 0.0) > ordinary
    assert famous < score_title(short, query, Grade.WHOLE, 0.0)


def test_a_title_that_begins_as_written_goes_before_one_without_its_article():
    query = parse_query("gre")
    assert score_beginning(make_row(entry("a", "Gremlins")), query, 0.2) > score_beginning(
        make_row(entry("b", "The Gremlins")), query, 0.4
    )


def test_of_titles_typed_as_one_word_the_one_without_another_article_goes_first():
    query = parse_query("mysteryman")
    plain, other = make_row(entry("a", "Mystery Man")), make_row(entry("b", "The Mystery Man"))
    assert score_title(plain, query, Grade.WHOLE, 0.0) > score_title(other, query, Grade.WHOLE, 0.2)
