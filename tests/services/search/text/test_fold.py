"""Folding: what viewers leave out is folded, what makes another word is not."""

import pytest

from services.search.text.fold import fold, index_text, key, query_tokens, words

SAME = [
    ("Amélie", "amelie"),
    ("Ame\u0301lie", "amelie"),
    ("STRASSE", "straße"),
    ("Ｇｏｊｉｒａ", "gojira"),
    ("Øst", "ost"),
    ("ガンダム", "がんだむ"),
    ("foo\u00adbar", "foobar"),
    ("\u200fשלום", "שָׁלוֹם"),
    ("مُحَمَّد", "محمد"),
    ("Ёлки", "Елки"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_viewers_leave_out_folds_alike(one, other):
    assert fold(one) == fold(other)


DIFFERENT = [("शोले", "शाला"), ("ก่อน", "กอน"), ("படம்", "பாடம்"), ("বল", "বাল"), ("がく", "かく"), ("กา", "กี")]


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_signs_that_make_another_word_stay(one, other):
    assert fold(one) != fold(other)
    assert words(one) != words(other)


WORDS = [
    ("Ocean's Élite", ["oceans", "elite"]),
    ("Q & A", ["q", "and", "a"]),
    ("under_score", ["under", "score"]),
    ("शोले", ["शोले"]),
    ("می\u200cخواهم", ["ميخواهم"]),
    ("...", []),
]


@pytest.mark.parametrize(("text", "expected"), WORDS)
def test_words(text, expected):
    assert words(text) == expected


def test_a_name_of_signs_only_is_its_signs():
    assert key("$") == "$"
    assert key("+ 1") == "1"


INSIDE = [("千と千尋の神隠し", "神隠し"), ("七人の侍", "侍"), ("จันดารา", "ดารา"), ("기생충", "생충")]


@pytest.mark.parametrize(("title", "part"), INSIDE)
def test_a_part_of_a_title_without_spaces_is_among_its_tokens(title, part):
    assert set(query_tokens(words(part)[0])) <= set(index_text(title).split())


def test_compounds_are_also_one_word():
    assert "spiderman" in index_text("Spider-Man: Far from Home").split()
    assert "mash" in index_text("M*A*S*H").split()
