"""The forms in which viewers type a name: numbers, articles, joined words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from services.search.text.fold import key, words

MAX_FORMS = 24
"""Forms of one title in the index."""
MAX_FORM_LENGTH = 160
_ARTICLES = frozenset(
    [
        "the",
        "a",
        "an",
        "der",
        "die",
        "das",
        "ein",
        "eine",
        "le",
        "la",
        "les",
        "un",
        "une",
        "el",
        "los",
        "las",
        "lo",
        "il",
        "gli",
        "i",
        "o",
        "os",
        "as",
        "uma",
        "um",
        "de",
        "het",
        "een",
        "den",
        "det",
        "en",
        "ett",
    ]
)
_OPTIONAL = frozenset({"and", "und", "et", "y", "e", "och", "og", "en"})
"""Words for `&`, which viewers leave out or type in their language."""
_SPELLED = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
]
_NUMBERS = {word: str(value) for value, word in enumerate(_SPELLED)}
_ROMAN_LETTERS = frozenset("xvi")
_ROMAN = re.compile(r"(?=[xvi])(x{0,2})(ix|iv|v?i{0,3})\Z")
_ROMAN_VALUES = {"": 0, "i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8, "ix": 9}


def number_form(word: str, *, first: bool) -> str:
    """A number as digits (`two`, `ii` → `2`); other words as they are.

    A single `i`, `v` or `x` is a number only behind another word: `Rocky V`, but not `V for Vendetta`.
    """
    if word in _NUMBERS:
        return _NUMBERS[word]
    found = _ROMAN.match(word) if word[:1] in _ROMAN_LETTERS and len(word) <= 6 else None
    if found is None or (first and len(word) == 1):
        return word
    return str(10 * len(found[1]) + _ROMAN_VALUES[found[2]])


def number_forms(found: Sequence[str]) -> list[str]:
    """Words with each number as digits."""
    return [number_form(word, first=index == 0) for index, word in enumerate(found)]


def strip_article(found: Sequence[str]) -> list[str]:
    """Words without a leading article, if words remain."""
    return list(found[1:]) if len(found) > 1 and found[0] in _ARTICLES else list(found)


def _strip_optional(found: Sequence[str]) -> list[str]:
    kept = [word for word in found if word not in _OPTIONAL]
    return kept or list(found)


def forms(name: str) -> list[str]:
    """The lines by which a title is found whole: as written, numbers as digits, no article, no `and`, joined."""
    own = words(name)
    if not own:
        return [key(name)[:MAX_FORM_LENGTH]]
    lines: dict[str, None] = {}
    digits = number_forms(own)
    for line in (own,) if digits == own else (own, digits):
        short = strip_article(line)
        for form in (line, short, _strip_optional(line), _strip_optional(short)):
            lines[" ".join(form)] = None
            lines["".join(form)] = None
    return [line[:MAX_FORM_LENGTH] for line in lines][:MAX_FORMS]


def query_forms(found: Sequence[str]) -> list[str]:
    """The lines of a query to compare with `forms`, the most literal first."""
    own, digits = list(found), number_forms(found)
    lines = {" ".join(line): None for line in (own, digits, _strip_optional(digits))}
    return [*lines, "".join(digits)] if len(found) > 1 else list(lines)


def all_forms(names: Iterable[str]) -> list[str]:
    """The forms of several names of one title, distinct."""
    return list(dict.fromkeys(form for name in names for form in forms(name)))[:MAX_FORMS]
