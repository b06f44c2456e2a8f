"""Feedback events, their weights, and the parser of an events file's lines. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from kernel.vocabulary import is_content_id

HEADER = ("userId", "contentId", "action", "value", "timestamp")
MAX_USER_LENGTH = 128
MAX_TIMESTAMP = 4102444800.0
"""The year 2100 in Unix seconds: larger timestamps are in other units."""


class Action(StrEnum):
    """What a viewer did."""

    VIEW = "VIEW"
    LIKE = "LIKE"
    DISLIKE = "DISLIKE"
    WATCH = "WATCH"


@dataclass(frozen=True, slots=True)
class FeedbackEvent:
    """One piece of feedback; `value` is the share watched (0 to 1) or None, `at` in Unix seconds."""

    user: str
    content: str
    action: Action
    value: float | None
    at: float
    country: str | None = None


def event_weight(action: Action, value: float | None) -> float:
    """The weight of an event for its title; negative for a dislike and for a title left early."""
    match action:
        case Action.LIKE:
            return 3.0
        case Action.DISLIKE:
            return -4.0
        case Action.VIEW:
            return 1.0
        case Action.WATCH:
            share = 1.0 if value is None else value
            return -0.2 if share < 0.1 else 2.0 * share


def parse_row(row: Sequence[str]) -> FeedbackEvent | tuple[str, str]:
    """Parse a CSV row with the columns of HEADER. Returns (field, reason) if it is invalid."""
    if len(row) != len(HEADER):
        return "", f"has {len(row)} fields instead of {len(HEADER)}: {','.join(HEADER)}"
    user, content, action, value, at = (text.strip() for text in row)
    if not 0 < len(user) <= MAX_USER_LENGTH or not user.isprintable():
        return "userId", f"must be 1 to {MAX_USER_LENGTH} printable characters"
    if not is_content_id(content):
        return "contentId", f"{content!r:.80} is not a valid contentId"
    if action not in Action.__members__:
        return "action", f"{action!r:.80} is not one of {', '.join(Action)}"
    share = _number(value) if value else None
    if value and (share is None or not 0 <= share <= 1):
        return "value", f"{value!r:.80} is not a share from 0 to 1"
    moment = _number(at)
    if moment is None or not 0 <= moment <= MAX_TIMESTAMP:
        return "timestamp", f"{at!r:.80} is not in Unix seconds"
    return FeedbackEvent(user, content, Action(action), share, moment)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
