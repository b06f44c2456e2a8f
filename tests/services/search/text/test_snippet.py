"""Snippets show the part that matches, as HTML that cannot do harm."""

from services.search.text.snippet import highlight, snippet


def test_a_snippet_shows_the_match_of_a_long_text():
    text = "start " + "word " * 200 + "the needle is here " + "word " * 200
    shown = snippet(text, ["needle"])
    assert "needle" in shown
    assert len(shown) < 260
    assert shown.startswith("… ")
    assert shown.endswith(" …")


def test_markup_in_a_text_is_escaped():
    assert snippet("<script>alert(1)</script>", []) == "&lt;script&gt;alert(1)&lt;/script&gt;"
    assert highlight("<b> Alien", ["alien"]) == "&lt;b&gt; <mark>Alien</mark>"


def test_words_that_begin_with_the_query_are_marked():
    assert highlight("Amélie & Aliens", ["ame", "alien"]) == "<mark>Amélie</mark> &amp; <mark>Aliens</mark>"
    assert highlight("Alien", []) == "Alien"
