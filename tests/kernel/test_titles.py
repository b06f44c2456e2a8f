"""A title is the same in composed and decomposed form; its own invisible marks stay."""

import re
import sys

import pytest

from kernel.titles import TITLE_PATTERN, clean_title, has_control_characters, without_control_characters

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


def test_the_pattern_of_a_title_admits_what_makes_one():
    every = [chr(at) for at in (*range(0x3100), *range(0xE000, sys.maxunicode, 997))]
    pattern = re.compile(TITLE_PATTERN)
    for frame in ("{}", "a{}b"):
        texts = [frame.format(one) for one in every]
        becomes = [bool(clean_title(text)) and not has_control_characters(clean_title(text)) for text in texts]
        assert [
            ascii(text) for text, made in zip(texts, becomes, strict=True) if made != bool(pattern.search(text))
        ] == []
