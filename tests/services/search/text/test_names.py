"""The forms in which viewers type a title."""

import pytest

from services.search.text.fold import words
from services.search.text.names import MAX_FORMS, forms, number_forms, query_forms

TYPED = [
    ("Rocky II", "rocky 2"),
    ("Rocky II", "rocky two"),
    ("Ocean's Eleven", "oceans 11"),
    ("The Godfather", "godfather"),
    ("Angels & Demons", "angels and demons"),
    ("Angels & Demons", "angels demons"),
    ("Romeo + Juliet", "romeo and juliet"),
    ("Q & A", "q and a"),
    ("M*A*S*H", "mash"),
    ("Spider-Man", "spiderman"),
    ("Spiderman", "spider man"),
    ("Malcolm X", "malcolm x"),
]


@pytest.mark.parametrize(("title", "typed"), TYPED)
def test_a_title_is_found_whole_as_viewers_type_it(title, typed):
    assert set(query_forms(words(typed))) & set(forms(title))


NUMBERS = [
    ("v for vendetta", "v for vendetta"),
    ("rocky v", "rocky 5"),
    ("part xiv", "part 14"),
    ("mix", "mix"),
    ("iiii", "iiii"),
    ("vivid", "vivid"),
]


@pytest.mark.parametrize(("line", "expected"), NUMBERS)
def test_only_numbers_become_digits(line, expected):
    assert " ".join(number_forms(line.split())) == expected


def test_different_numbers_stay_different():
    assert not set(query_forms(["rocky", "2"])) & set(forms("Rocky V"))


def test_an_article_alone_is_a_title():
    assert forms("The") == ["the"]


def test_a_title_has_bounded_forms():
    assert len(forms("the " + "and two " * 200)) <= MAX_FORMS
