"""The age that a title is for: an episode is for nobody who is too young for its season or series."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from services.catalogue.title import Title

MAX_PARENTS = 2
"""An episode has a season, and a season has a series."""


class TitleReader(Protocol):
    """The part of the catalogue's store that is read here."""

    async def get_many(self, content_ids: Sequence[str]) -> Mapping[str, Title]:
        """Titles by their ids; unknown ones are absent. Raises StorageFailed."""


async def find_ages(reader: TitleReader, titles: Iterable[Title]) -> dict[str, int | None]:
    """The highest minimum age of each title and of those it belongs to; None = for any age. Raises StorageFailed."""
    titles = list(titles)
    known = {title.content_id: title for title in titles}
    for _ in range(MAX_PARENTS):
        missing = sorted({one.parent for one in known.values() if one.parent and one.parent not in known})
        if not missing:
            break
        known |= await reader.get_many(missing)
    return {title.content_id: _age(title, known) for title in titles}


def _age(title: Title, known: Mapping[str, Title]) -> int | None:
    ages = [title.maturity]
    for _ in range(MAX_PARENTS):  # bounded: an import may make a title its own parent
        parent = known.get(title.parent or "")
        if parent is None:
            break
        ages.append(parent.maturity)
        title = parent
    return max((age for age in ages if age is not None), default=None)
