"""Queries as they are read: words, other forms, hints."""

import pytest

from services.search.query.parse import MAX_WORDS, fold_synonyms, parse_query, read_hints

GENRES = {"comedy", "science fiction", "horror"}

HINTS = [
    ("dune 2021", ("dune", 2021, 2021, (), None)),
    ("mad max (1979)", ("mad max", 1979, 1979, (), None)),
    ("comedy 1990s", ("", 1990, 1999, ("comedy",), None)),
    ("comedies of the 90s", ("", 1990, 1999, ("comedy",), None)),
    ("science fiction with Tom Hanks", ("", None, None, ("science fiction",), "tom hanks")),
    ("with tom hanks", ("", None, None, (), "tom hanks")),
    ("horror alien 2020s", ("alien", 2020, 2029, ("horror",), None)),
]


@pytest.mark.parametrize(("text", "expected"), HINTS)
def test_hints(text, expected):
    hints = read_hints(text, GENRES, {})
    assert hints is not None
    assert (hints.rest.line, hints.year_from, hints.year_to, hints.genres, hints.person) == expected


@pytest.mark.parametrize("text", ["1917", "2012", "blade runner", "dances with", "1234", ""])
def test_titles_are_no_hints(text):
    assert read_hints(text, GENRES, {}) is None


def test_a_query_of_signs_has_a_line_but_no_words():
    query = parse_query(" $ ")
    assert (query.words, query.lines) == ((), ("$",))
    assert parse_query("  ").lines == ()


def test_a_query_has_bounded_words():
    assert len(parse_query("a " * 200).words) == MAX_WORDS


def test_numbers_and_synonyms_are_other_words():
    query = parse_query("rocky two", fold_synonyms([("rocky", "balboa")]))
    assert [word.others for word in query.words] == [("balboa",), ("2",)]
    assert "rocky 2" in query.lines


def test_synonyms_hold_both_ways():
    found = fold_synonyms([("Sci-Fi", "Science Fiction"), ("sci fi", "SF")])
    assert found["science fiction"] == ("sci fi",)
    assert set(found["sci fi"]) == {"science fiction", "sf"}
