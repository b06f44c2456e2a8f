"""Titles of films in one form, whoever typed them on whatever system. Pure."""

from __future__ import annotations

import unicodedata

_CONTROL = frozenset({"Cc", "Cs", "Zl", "Zp"})
_SPACES = r"\t-\r\x1c- \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_CONTROLS = r"\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"
TITLE_PATTERN = f"^[{_SPACES}]*[^{_SPACES}{_CONTROLS}][^{_CONTROLS}]*$"
"""Texts from which `clean_title` makes a title: not blank, and without control characters but spaces (ECMA 262)."""


def clean_title(text: str) -> str:
    """A title in composed form (NFC), with single spaces and without control characters around it.

    Joiners, soft hyphens and marks of direction stay: many scripts are written with them.
    """
    return " ".join(unicodedata.normalize("NFC", text).split())


def has_control_characters(text: str) -> bool:
    """Whether a text has control characters, which no title is written with."""
    return any(unicodedata.category(letter) in _CONTROL for letter in text)


def without_control_characters(text: str) -> str:
    """The text with a space for each control character."""
    return "".join(" " if unicodedata.category(letter) in _CONTROL else letter for letter in text)
