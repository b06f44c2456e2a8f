"""Checks of message fields: numbers are finite and in range, names have their form, lists are short.

A peer that sends anything else is faulty or hostile: `BorderError` names the field and its value, which is not used
further.
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
"""The largest number that databases and all peers can hold; uint64 of protobuf is larger."""
MAX_SUM = float(2**53)
"""For decayed sums: beyond it a float cannot count single bytes."""
MAX_SECONDS = 10 * 366 * 86_400.0
"""The longest time that a report may cover: an edge may have been disconnected."""
MAX_REGIONS = 16
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", re.ASCII)


class BorderError(ValueError):
    """A message that this release does not understand, or with a field out of range."""


def text_of(text: str, what: str = "a text", most: int = MAX_TEXT) -> str:
    """A text of bounded length without NUL, which databases reject. Raises BorderError."""
    if len(text) > most:
        raise BorderError(f"{what} of {len(text)} characters, more than {most}")
    if "\0" in text:
        raise BorderError(f"{what} with a NUL in it")
    return text


def printable_of(text: str, what: str, most: int = MAX_TEXT) -> str:
    """A text of printable characters. Raises BorderError."""
    if not text_of(text, what, most).isprintable():
        raise BorderError(f"{what} has unprintable characters")
    return text


def word_of(text: str, what: str) -> str:
    """A short name (a type, an epoch, a nonce), or "". Raises BorderError."""
    if text and _WORD.fullmatch(text) is None:
        raise BorderError(f"{what} {text[:80]!r} is not a name")
    return text


def node_id_of(text: str, what: str = "a node's id") -> str:
    """A node's id. Raises BorderError."""
    if NODE_ID.fullmatch(text) is None:
        raise BorderError(f"{what} {text[:80]!r} is invalid")
    return text


def content_id_of(text: str, what: str = "contentId") -> str:
    """A title's contentId. Raises BorderError."""
    if CONTENT_ID.fullmatch(text) is None:
        raise BorderError(f"{what} {text[:80]!r} is invalid")
    return text


def is_rendition(text: str) -> bool:
    """Whether this may be the folder of a rendition; "" stands for the title itself."""
    return len(text) <= MAX_RENDITION_LENGTH and text.isascii() and text.isprintable()


def rendition_of(text: str, what: str = "rendition") -> str:
    """The folder of a rendition. Raises BorderError."""
    if not is_rendition(text):
        raise BorderError(f"{what} {text[:80]!r} is not a folder name")
    return text


def regions_of(text: str, what: str = "region") -> str:
    """The regions of a node, separated by commas; "" if unknown. Raises BorderError."""
    names = text.split(",") if text else []
    if len(names) > MAX_REGIONS or not all(REGION.fullmatch(name) for name in names):
        raise BorderError(f"{what} {text[:80]!r} must be at most {MAX_REGIONS} regions separated by commas")
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


def check_length(rows: Sized, what: str, most: int) -> None:
    """Check the length of a list. Raises BorderError."""
    if len(rows) > most:
        raise BorderError(f"{len(rows)} {what}, more than {most}")
