"""The names of models and of reasons, for what must load without NumPy, which is an extra. Pure."""

from __future__ import annotations

from enum import StrEnum

COMPONENTS = ("ease", "ease_recent", "successors", "ials", "popularity")
"""The models of the blend."""
STATIC_COMPONENTS = ("ease", "ials", "popularity")
"""Those that need no times."""


class Reason(StrEnum):
    """Why a row is there."""

    FEATURED = "featured"
    CONTINUE = "continue-watching"
    FOR_YOU = "for-you"
    BECAUSE = "because-you-watched"
    TRENDING = "trending"
    NEW = "new"
    GENRE = "genre"
    DECADE = "decade"
    CURATED = "curated"


REASON_SENTENCES = {
    Reason.FEATURED: "Operators feature these titles here at this time.",
    Reason.CONTINUE: "The viewer began these titles and did not finish them.",
    Reason.FOR_YOU: "What the viewer watched speaks for these titles.",
    Reason.BECAUSE: "Viewers of the named title, which this viewer watched, watch these titles.",
    Reason.TRENDING: "Many viewers in the country watch these titles now.",
    Reason.NEW: "These titles came into the catalogue last.",
    Reason.GENRE: "The viewer watches much of this genre.",
    Reason.DECADE: "The viewer watches much of this decade.",
    Reason.CURATED: "Operators chose these titles.",
}
