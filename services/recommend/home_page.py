"""Composes a viewer's home page: which rows, in which order, with what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from services.recommend.curation import CuratedRow, is_shown
from services.recommend.experiments.assignment import NO_CHANGES
from services.recommend.experiments.definition import Changes
from services.recommend.models.interactions import Floats
from services.recommend.service import ListSource, RecommendService
from services.recommend.serving.lists import ListMaker, Ranked
from services.recommend.serving.rows import (
    GENRE_ROWS,
    MIN_TITLES,
    Row,
    RowSource,
    chosen_rows,
    compose_rows,
    favourites,
    newest_titles,
    of_titles,
)
from services.recommend.titles import Audience
from services.recommend.vocabulary import Reason

BECAUSE_ROWS = 2
MAX_TASTE = 50
"""Latest titles that genre and decade rows are made from."""


Spread = Callable[[ListMaker, Callable[[int], Ranked], int], Callable[[int], Ranked]]
"""Makes a row's titles differ from each other."""


class HomePage:
    """Makes the rows of a viewer."""

    def __init__(self, service: RecommendService) -> None:
        self._service = service

    async def rows(
        self, user: str, audience: Audience, size: int, curated: Sequence[tuple[str, CuratedRow]], now: float, *,
        personal: bool, changes: Changes = NO_CHANGES,
    ) -> tuple[list[Row], ListSource]:  # fmt: skip
        """The rows of a viewer with at most `size` titles each, and what made them. `now` in Unix seconds.

        `changes` are those of the experiments that the viewer is in.
        """
        maker, source = await self._service.maker_for(user, audience, personal=personal)
        scores, source = self._service.scores_of(maker, self._service.now(), source, changes.weights)
        shown = [(row_id, row) for row_id, row in curated if is_shown(row, audience.country, now)]
        sources = chosen_rows(self._sources(maker, scores, shown, size, changes.diversity), changes.rows)
        return compose_rows(sources, size), source

    def _sources(
        self,
        maker: ListMaker,
        scores: Floats | None,
        curated: Sequence[tuple[str, CuratedRow]],
        size: int,
        diversity: float | None,
    ) -> Iterator[RowSource]:
        spread = partial(self._spread, diversity=diversity)
        for row_id, row in curated:
            if row.kind == "featured":
                yield RowSource(row_id, row.title, Reason.FEATURED, of_titles(maker, row.items, seen_too=True))
        begun = of_titles(maker, maker.state.begun, seen_too=True)
        yield RowSource("continue-watching", "Continue watching", Reason.CONTINUE, begun)
        if scores is not None:
            yield RowSource("for-you", "For you", Reason.FOR_YOU, spread(maker, partial(maker.personal, scores), size))
            yield from self._because(maker, size, spread)
        place = f"Trending in {maker.audience.country}" if maker.audience.country else "Trending now"
        yield RowSource("trending", place, Reason.TRENDING, maker.trending)
        for row_id, row in curated:
            if row.kind == "curated":
                yield RowSource(row_id, row.title, Reason.CURATED, of_titles(maker, row.items, seen_too=True))
        yield RowSource("new", "New", Reason.NEW, partial(newest_titles, maker))
        yield from self._tastes(maker, scores, size, spread)

    def _because(self, maker: ListMaker, size: int, spread: Spread) -> Iterator[RowSource]:
        service = self._service
        titles = [maker.table.position.get(content) for content in maker.state.liked[: 4 * BECAUSE_ROWS]]
        known = [at for at in titles if at is not None and maker.table.may_show(at, maker.audience)]
        for at in known[:BECAUSE_ROWS]:
            title = maker.table.titles[at]
            hidden = {*maker.state.seen, *maker.state.disliked}

            def alike(limit: int, content: str = title.content_id, hidden: set[str] = hidden) -> Ranked:
                found = service.similar(content, maker.audience, limit + len(hidden))
                return [one for one in found if maker.table.titles[one[0]].content_id not in hidden][:limit]

            name = title.name or title.content_id
            yield RowSource(
                f"because-{title.content_id}", f"Because you watched {name}", Reason.BECAUSE,
                spread(maker, alike, size), MIN_TITLES,
            )  # fmt: skip

    def _tastes(self, maker: ListMaker, scores: Floats | None, size: int, spread: Spread) -> Iterator[RowSource]:
        genres, decades = favourites(maker.table, maker.state.liked[:MAX_TASTE])
        if not genres:  # a newcomer: what is watched here, by its genres
            genres, _ = favourites(maker.table, [maker.table.titles[at].content_id for at, _ in maker.trending(100)])
        for genre in genres[:GENRE_ROWS]:
            has_genre = partial(_has_genre, maker, genre)
            found = spread(maker, self._chosen(maker, scores, has_genre), size)
            yield RowSource(f"genre-{_slug(genre)}", genre, Reason.GENRE, found, MIN_TITLES)
        for decade in decades[:1]:
            found = spread(maker, self._chosen(maker, scores, partial(_of_decade, maker, decade)), size)
            yield RowSource(f"decade-{decade}", f"From the {decade}s", Reason.DECADE, found, MIN_TITLES)

    def _chosen(self, maker: ListMaker, scores: Floats | None, fits: Callable[[int], bool]) -> Callable[[int], Ranked]:
        def find(limit: int) -> Ranked:
            if scores is None:
                return [one for one in maker.trending(20 * limit) if fits(one[0])][:limit]
            among = np.fromiter((fits(at) for at in maker.candidates.positions.tolist()), bool)
            return maker.personal(np.where(among, scores, -np.inf).astype(np.float32), limit)

        return find

    def _spread(
        self, maker: ListMaker, find: Callable[[int], Ranked], size: int, diversity: float | None
    ) -> Callable[[int], Ranked]:
        """The same row, its titles unlike each other; what earlier rows show is still left out after this."""

        def spread(limit: int) -> Ranked:
            found = find(3 * limit)
            first = self._service.spread(maker.candidates, found, limit, diversity)
            return first or found[:size]

        return spread


def _has_genre(maker: ListMaker, genre: str, at: int) -> bool:
    return genre in maker.table.titles[at].genres


def _of_decade(maker: ListMaker, decade: int, at: int) -> bool:
    year = maker.table.titles[at].year
    return year is not None and year // 10 * 10 == decade


def _slug(text: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in text.casefold())[:40]
