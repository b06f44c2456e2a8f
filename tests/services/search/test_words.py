"""Words, trigrams, snippets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.search.words import fold, index_text, key, snippet, trigrams, words


def test_accents_case_and_apostrophes_do_not_matter():
    assert words("Ocean's ÉLITE — naïve") == ["oceans", "elite", "naive"]
    assert fold("Straße") == "strasse"
    assert key("  The  Matrix! ") == "the matrix"


def test_compounds_stand_joined_too():
    assert index_text("Spider-Man: No Way") == "spider man no way spiderman"


def test_trigrams_mark_the_beginning():
    assert trigrams("abc") == [" ab", "abc"]
    assert trigrams("a") == []


def test_a_short_text_is_its_own_snippet_escaped():
    assert snippet("<b>Tom & Jerry</b>", ["tom"]) == "&lt;b&gt;Tom &amp; Jerry&lt;/b&gt;"
    assert snippet("", ["x"]) == ""


def test_a_long_text_is_cut_round_the_words_that_match():
    text = "word " * 100 + "the bunny jumps over a bunny " + "word " * 100
    cut = snippet(text, ["bunny"])
    assert "bunny jumps over a bunny" in cut
    assert cut.startswith("… ")
    assert cut.endswith(" …")
    assert len(cut) < 260


@pytest.mark.parametrize("wanted", [[], ["nothing"]])
def test_without_a_match_the_beginning_is_shown(wanted):
    assert snippet("first " + "word " * 100, wanted).startswith("first ")


@given(st.text(max_size=600), st.lists(st.text(min_size=1, max_size=5), max_size=3))
def test_a_snippet_is_never_markup_and_never_long(text, wanted):
    cut = snippet(text, wanted)
    assert "<" not in cut
    assert ">" not in cut
    assert len(cut) <= 200 * 5 + 10
