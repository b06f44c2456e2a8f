"""Words of titles and queries, similarity of texts, and snippets. Pure."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Sequence

MAX_QUERY_LENGTH = 256
"""Characters of a query."""
MAX_WORDS = 16
_WORD = re.compile(r"\w+")
_APOSTROPHE = re.compile(r"(?<=\w)['’ʼ`](?=\w)")
# Linear time: the lookbehind admits matches at the start of a word only, and possessive repetitions never backtrack.
_COMPOUND = re.compile(r"(?<!\w)\w++(?:[-–·./]\w++)++")
SNIPPET = 200
"""Approximate length of a snippet in characters."""


def fold(text: str) -> str:
    """Fold to lower case without accents, so that queries without accents match; the length may change."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in folded if not unicodedata.combining(letter))


def words(text: str) -> list[str]:
    """The words of a text in the index's form: `Ocean's Élite` → `oceans elite`."""
    return _WORD.findall(_APOSTROPHE.sub("", fold(text)).replace("_", " "))


def index_text(text: str) -> str:
    """The words of a text for the index, with compounds also joined (`Spider-Man` → `spider man spiderman`)."""
    joined = ["".join(words(compound)) for compound in _COMPOUND.findall(text)]
    return " ".join([*words(text), *joined])


def key(text: str) -> str:
    """A text as one comparable line."""
    return " ".join(words(text))


def trigrams(text: str) -> list[str]:
    """The distinct trigrams of a folded line with a space in front (`abcd` → ` ab abc bcd`)."""
    padded = f" {text}"
    return list(dict.fromkeys(padded[start : start + 3] for start in range(len(padded) - 2)))


def snippet(text: str, wanted: Sequence[str], size: int = SNIPPET) -> str:
    """About `size` characters of a text around the best matches, HTML-escaped; "" for an empty text.

    A word matches when it begins with one of `wanted` (folded).
    """
    text = " ".join(text.split())
    if len(text) <= size:
        return html.escape(text, quote=False)
    hits = [found.start() for found in _WORD.finditer(text) if fold(found.group()).startswith(tuple(wanted) or ("\0",))]
    start = _best_start(hits, size)
    if start > 0:
        start = text.rfind(" ", 0, max(0, start - size // 5)) + 1
    end = len(text) if len(text) - start <= size else text.rfind(" ", start, start + size)
    end = end if end > start else start + size
    return ("… " if start else "") + html.escape(text[start:end], quote=False) + (" …" if end < len(text) else "")


def _best_start(hits: Sequence[int], size: int) -> int:
    """The start of the window with the most hits; the first of several."""
    best, most = 0, 0
    for index, start in enumerate(hits[:200]):
        inside = sum(1 for hit in hits[index : index + 50] if hit < start + size * 4 // 5)
        if inside > most:
            best, most = start, inside
    return best
