"""The rows of the home page: each with its reason, no title twice, the first rows first. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from services.recommend.serving.lists import PERSONAL, ListMaker, Ranked
from services.recommend.serving.title_table import TitleTable
from services.recommend.vocabulary import Reason

MIN_TITLES = 3
"""A row of taste with fewer titles is not shown."""
GENRE_ROWS = 3


@dataclass(frozen=True)
class Row:
    """One row; `items` by position."""

    row_id: str
    title: str
    reason: Reason
    items: Ranked


@dataclass(frozen=True)
class RowSource:
    """A row to be filled: `find(limit)` gives its titles, more than are shown, best first."""

    row_id: str
    title: str
    reason: Reason
    find: Callable[[int], Ranked]
    least: int = 1


def compose_rows(sources: Iterable[RowSource], size: int) -> list[Row]:
    """Fill the rows in order; a title that an earlier row shows is left out of the later ones."""
    shown: set[int] = set()
    rows = []
    for source in sources:
        items = [(at, score) for at, score in source.find(size + len(shown)) if at not in shown][:size]
        if len(items) >= source.least:
            rows.append(Row(source.row_id, source.title, source.reason, items))
            shown.update(at for at, _ in items)
    return rows


def chosen_rows(sources: Iterable[RowSource], reasons: Sequence[Reason] | None) -> Iterable[RowSource]:
    """The rows with these reasons, in their order; all of them as they come where `reasons` is None."""
    if reasons is None:
        return sources
    held = list(sources)
    return [one for reason in reasons for one in held if one.reason is reason]


def favourites(table: TitleTable, content_ids: Sequence[str]) -> tuple[list[str], list[int]]:
    """(the genres, the decades) that most of these titles have, most first."""
    genres: Counter[str] = Counter()
    decades: Counter[int] = Counter()
    for content in content_ids:
        at = table.position.get(content)
        if at is not None:
            title = table.titles[at]
            genres.update(title.genres)
            if title.year:
                decades[title.year // 10 * 10] += 1
    return (
        [genre for genre, _ in sorted(genres.items(), key=lambda one: (-one[1], one[0]))],
        [decade for decade, _ in sorted(decades.items(), key=lambda one: (-one[1], -one[0]))],
    )


def newest_titles(maker: ListMaker, limit: int) -> Ranked:
    """The titles that were published last and that the viewer does not know."""
    table = maker.table
    known = {*maker.state.seen, *maker.state.disliked}
    found: Ranked = []
    for at in maker.candidates.newest.tolist():
        if len(found) >= limit:
            break
        if table.titles[at].content_id not in known and table.may_show(at, maker.audience):
            found.append((at, PERSONAL - len(found) / (1 + limit)))
    return found


def of_titles(maker: ListMaker, content_ids: Iterable[str], *, seen_too: bool) -> Callable[[int], Ranked]:
    """These titles in this order, as far as the audience may see them and the viewer does not dislike them."""

    def find(limit: int) -> Ranked:
        hidden = maker.state.disliked if seen_too else {*maker.state.disliked, *maker.state.seen}
        found: Ranked = []
        for content in content_ids:
            at = maker.table.position.get(content)
            if at is not None and content not in hidden and maker.table.may_show(at, maker.audience):
                found.append((at, PERSONAL + 0.999 / (1 + len(found))))
        return found[:limit]

    return find
