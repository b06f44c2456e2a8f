"""Feedback events, their identity, and the parser of an events file's lines. Pure."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from kernel.user_id import MAX_USER_ID, is_user_id
from kernel.vocabulary import is_content_id

HEADER = ("userId", "contentId", "action", "value", "timestamp")
MAX_TIMESTAMP = 4102444800.0
"""The year 2100 in Unix seconds: larger timestamps are in other units."""


class Action(StrEnum):
    """What a viewer did."""

    VIEW = "VIEW"
    LIKE = "LIKE"
    DISLIKE = "DISLIKE"
    WATCH = "WATCH"
    CLICK = "CLICK"
    """Opened the title's page, from a list or a search."""
    START = "START"
    """Began to watch; how much of it a WATCH says."""


@dataclass(frozen=True, slots=True)
class FeedbackEvent:
    """One piece of feedback; `value` is the share watched (0 to 1) or None, `at` in Unix seconds.

    `event_id` is the sender's name of the event: two events of a user with the same one are one event. `seconds` of a
    watch, where they are known.
    """

    user: str
    content: str
    action: Action
    value: float | None
    at: float
    country: str | None = None
    event_id: str = ""
    seconds: float | None = None


def event_identity(event: FeedbackEvent) -> int:
    """A signed 64-bit number that is the same for the same event, however often and in whatever order it arrives."""
    what = event.event_id or f"{event.content}\0{event.action}\0{event.value}\0{event.at!r}"
    digest = hashlib.blake2b(f"{event.user}\0{bool(event.event_id):d}\0{what}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def parse_row(row: Sequence[str]) -> FeedbackEvent | tuple[str, str]:
    """Parse a CSV row with the columns of HEADER. Returns (field, reason) if it is invalid."""
    if len(row) != len(HEADER):
        return "", f"has {len(row)} fields instead of {len(HEADER)}: {','.join(HEADER)}"
    user, content, action, value, at = (text.strip() for text in row)
    if not is_user_id(user):
        return "userId", f"must be 1 to {MAX_USER_ID} visible characters, with single spaces between"
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
