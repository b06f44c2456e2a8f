"""A title is the same in composed and decomposed form; its own invisible marks stay."""

import pytest

from kernel.titles import clean_title, has_control_characters, without_control_characters

TITLES = [
    ("Ame\u0301lie", "Amélie"),
    ("  The \t Night\n", "The Night"),
    ("می\u200cخواهم", "می\u200cخواهم"),
    ("soft\u00adhyphen", "soft\u00adhyphen"),
    ("\u200fשלום", "\u200fשלום"),
]


@pytest.mark.parametrize(("typed", "expected"), TITLES)
def test_clean_titles(typed, expected):
    assert clean_title(typed) == expected
    assert not has_control_characters(clean_title(typed))


@pytest.mark.parametrize("control", ["\0", "\x1b", "\u2028", "\x7f"])
def test_control_characters(control):
    assert has_control_characters(f"a{control}b")
    assert without_control_characters(f"a{control}b") == "a b"
