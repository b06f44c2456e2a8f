"""What recommendations know of a title, and which audiences may see it. Pure, and without NumPy, which is an extra."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class TitleText:
    """What is known of a title besides its viewers."""

    genres: tuple[str, ...] = ()
    year: int | None = None
    people: tuple[str, ...] = ()
    text: str = ""


class RecommendTitle(NamedTuple):
    """A title for recommendations.

    `countries` None = everywhere; `maturity` None = for all ages; `is_listed`: a whole film or series, no episode;
    `published` sorts by newness: an ISO date, or the year, "" = unknown; `parent` is an episode's season or series.
    """

    content_id: str
    countries: tuple[str, ...] | None
    popularity: float
    playable: bool
    maturity: int | None = None
    is_listed: bool = True
    name: str = ""
    genres: tuple[str, ...] = ()
    year: int | None = None
    published: str = ""
    text: TitleText = TitleText()
    parent: str | None = None


MAX_LEVELS = 4
"""From an episode up to its series: a circle of parents ends here."""


def find_series(content_id: str, parent_of: Callable[[str], str | None]) -> str:
    """The series of an episode or a season; any other title itself."""
    for _ in range(MAX_LEVELS):
        parent = parent_of(content_id)
        if parent is None:
            break
        content_id = parent
    return content_id


class Audience(NamedTuple):
    """Who a list is for: what may be shown to them. `country` None = unknown, `maturity` None = no limit."""

    country: str | None
    playable: bool = False
    maturity: int | None = None
