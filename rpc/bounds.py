"""Bounds of what a message may say: every number finite and in range, every name of its form, every list short.

Whoever sends something else is wrong or means harm: a `BorderError` says what and where, and nothing further inside
ever sees the value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sized

from kernel.fleet.hot_list import MAX_RENDITION_LENGTH
from kernel.fleet.messages import NODE_ID
from kernel.vocabulary import CONTENT_ID, REGION

MAX_TEXT = 1_024
MAX_WORD = 64
MAX_NUMBER = 2**63 - 1
"""What a database and every peer can hold; protobuf's uint64 goes further."""
MAX_SUM = float(2**53)
"""Of faded sums: beyond it a float counts no single byte any more."""
MAX_SECONDS = 10 * 366 * 86_400.0
"""A report covers as long as its edge could not speak."""
MAX_REGIONS = 16
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", re.ASCII)


class BorderError(ValueError):
    """A message that this release does not understand, or that is out of bounds."""


def text_of(text: str, what: str = "a text", most: int = MAX_TEXT) -> str:
    """A text within bounds, without a NUL, which no database takes. Raises BorderError."""
    if len(text) > most:
        raise BorderError(f"{what} of {len(text)} characters, more than {most}")
    if "\0" in text:
        raise BorderError(f"{what} with a NUL in it")
    return text


def line_of(text: str, what: str, most: int = MAX_TEXT) -> str:
    """A text of printable characters. Raises BorderError."""
    if not text_of(text, what, most).isprintable():
        raise BorderError(f"{what} has characters that cannot be printed")
    return text


def word_of(text: str, what: str) -> str:
    """A short name (a type, an epoch, a nonce), or nothing. Raises BorderError."""
    if text and _WORD.fullmatch(text) is None:
        raise BorderError(f"{what} {text[:80]!r} is no name")
    return text


def node_id_of(text: str, what: str = "a node's id") -> str:
    """A node's id. Raises BorderError."""
    if NODE_ID.fullmatch(text) is None:
        raise BorderError(f"{what} {text[:80]!r} cannot be one")
    return text


def content_id_of(text: str, what: str = "contentId") -> str:
    """A title's contentId. Raises BorderError."""
    if CONTENT_ID.fullmatch(text) is None:
        raise BorderError(f"{what} {text[:80]!r} cannot be one")
    return text


def is_rendition(text: str) -> bool:
    """Whether this can be the folder of a rendition, "" for the title itself."""
    return len(text) <= MAX_RENDITION_LENGTH and text.isascii() and text.isprintable()


def rendition_of(text: str, what: str = "rendition") -> str:
    """The folder of a rendition. Raises BorderError."""
    if not is_rendition(text):
        raise BorderError(f"{what} {text[:80]!r} is no folder")
    return text


def regions_of(text: str, what: str = "region") -> str:
    """The regions of a node, with commas between them; "" for none said. Raises BorderError."""
    names = text.split(",") if text else []
    if len(names) > MAX_REGIONS or not all(REGION.fullmatch(name) for name in names):
        raise BorderError(f"{what} {text[:80]!r} must be at most {MAX_REGIONS} regions with commas between them")
    return text


def whole_of(number: int, what: str, most: int = MAX_NUMBER) -> int:
    """A number from 0 to `most`. Raises BorderError."""
    if not 0 <= number <= most:
        raise BorderError(f"{what} is {number}, not from 0 to {most}")
    return number


def finite_of(number: float, what: str, most: float = MAX_SUM) -> float:
    """A finite number from 0 to `most`. Raises BorderError."""
    if not (math.isfinite(number) and 0.0 <= number <= most):
        raise BorderError(f"{what} is {number!r}, not from 0 to {most:g}")
    return number


def few(rows: Sized, what: str, most: int) -> None:
    """Raises BorderError where a list is too long."""
    if len(rows) > most:
        raise BorderError(f"{len(rows)} {what}, more than {most}")
