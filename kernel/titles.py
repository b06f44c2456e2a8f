"""Titles of films in one form, whoever typed them on whatever system. Pure."""

from __future__ import annotations

import unicodedata

_CONTROL = frozenset({"Cc", "Cs", "Zl", "Zp"})


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
