"""What all events of a viewer about a title come to: their mark on it. Pure.

Marks merge: in any order, and however often an event arrives, the same events give the same mark. So a verdict holds
however many events follow it, a title watched long ago stays watched, and a viewer counts once for a title.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from services.recommend.events import Action, FeedbackEvent

MAX_CLOCK_SKEW = 600.0
"""Seconds that an event may lie in the future; the time of one beyond that is unknown."""
UNDATED = 0.0
"""The time of an event whose own is not credible: before all others, so that it decides nothing and is never new."""
LEFT_EARLY = 0.1
"""A watch of less than this share counts against the title."""

MarkRow = tuple[str, int, int, int, float, float]
"""(content, verdict, viewed, clicked, share, at)."""
UserMarkRow = tuple[str, str, int, int, int, float, float, str]
"""(user, content, verdict, viewed, clicked, share, at, country)."""


class Verdict(IntEnum):
    """What a viewer said about a title last."""

    DISLIKED = -1
    NONE = 0
    LIKED = 1


@dataclass(frozen=True, slots=True)
class Mark:
    """A viewer's mark on a title.

    `verdict_at` and `at` (the latest event that is not a dislike) in Unix seconds, -1 = never; `share` is the largest
    share watched, -1 = unknown; `country` is where the latest event came from, "" = unknown;
    `received` is when the latest event came in.
    """

    user: str
    content: str
    verdict: Verdict = Verdict.NONE
    verdict_at: float = -1.0
    viewed: bool = False
    clicked: bool = False
    share: float = -1.0
    at: float = -1.0
    country: str = ""
    received: float = 0.0


def mark_of(event: FeedbackEvent, received: float) -> Mark:
    """The mark that one event leaves. `received` in Unix seconds."""
    at = event.at if event.at <= received + MAX_CLOCK_SKEW else UNDATED
    verdict = {Action.LIKE: Verdict.LIKED, Action.DISLIKE: Verdict.DISLIKED}.get(event.action, Verdict.NONE)
    return Mark(
        event.user,
        event.content,
        verdict,
        at if verdict is not Verdict.NONE else -1.0,
        event.action is Action.VIEW or (event.action is Action.WATCH and event.value is None),
        event.action in (Action.CLICK, Action.START),
        event.value if event.action is Action.WATCH and event.value is not None else -1.0,
        -1.0 if verdict is Verdict.DISLIKED else at,
        event.country or "",
        received,
    )


def merge_marks(one: Mark, other: Mark) -> Mark:
    """The mark of both; of verdicts at one moment the dislike wins."""
    verdict_at, negative = max((one.verdict_at, -one.verdict), (other.verdict_at, -other.verdict))
    at, country = max((one.at, one.country), (other.at, other.country))
    return Mark(
        one.user,
        one.content,
        Verdict(-negative),
        verdict_at,
        one.viewed or other.viewed,
        one.clicked or other.clicked,
        max(one.share, other.share),
        at,
        country,
        max(one.received, other.received),
    )


def gather_marks(events: Iterable[FeedbackEvent], received: float) -> list[Mark]:
    """One mark for each viewer and title, sorted: writers that lock rows in one order do not wait for each other."""
    found: dict[tuple[str, str], Mark] = {}
    for event in events:
        key, mark = (event.user, event.content), mark_of(event, received)
        held = found.get(key)
        found[key] = mark if held is None else merge_marks(held, mark)
    return [found[key] for key in sorted(found)]


def mark_weight(verdict: int, viewed: bool, clicked: bool, share: float) -> float:
    """How much a mark speaks for its title, 0 to 1."""
    if verdict:
        return 1.0 if verdict > 0 else 0.0
    if share >= 0:
        return min(1.0, 0.25 + share) if share >= LEFT_EARLY else 0.0
    return 1.0 if viewed else 0.2 * clicked
