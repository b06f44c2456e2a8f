"""What each service needs of the catalogue, made of the catalogue: the only place where services meet."""

from __future__ import annotations

from collections.abc import AsyncIterator

from services.catalogue.feed import Feed
from services.catalogue.store import CatalogueStore
from services.catalogue.title import Change, Title, licensed
from services.playback.eligibility import Film
from services.recommend.service import Shown
from services.search.schema import Entry


class CatalogueForPlayback:
    """The catalogue as playback and the gateway see it."""

    def __init__(self, store: CatalogueStore) -> None:
        self._store = store

    async def film(self, content_id: str, country: str | None) -> Film | None:
        """A title as playback sees it."""
        title = await self._store.get(content_id)
        return None if title is None else as_film(title, country)

    async def thumbnail(self, content_id: str, country: str | None) -> str | None:
        """The path of a title's picture, where it is licensed."""
        title = await self._store.get(content_id)
        if title is None or title.playable is None or not licensed(title.countries, country):
            return None
        return title.playable.thumbnail


def as_film(title: Title, country: str | None) -> Film:
    """What playback must know of a title."""
    made = title.playable
    where = licensed(title.countries, country)
    if made is None:
        return Film(title.title, where, published=False, attribution=title.attribution)
    tops = [(one.lines or one.height or 0, one.bandwidth or 0) for one in made.renditions]
    return Film(
        title=title.title,
        licensed=where,
        published=True,
        duration=made.duration,
        tops=tuple(tops),
        streams=tuple(made.streams.items()),
        attribution=title.attribution,
    )


class EntriesOfCatalogue:
    """The catalogue as search sees it."""

    def __init__(self, store: CatalogueStore, feed: Feed) -> None:
        self._store = store
        self._feed = feed

    @property
    def epoch(self) -> str:
        """Names the catalogue's database."""
        return self._store.epoch

    async def head(self) -> int:
        """The latest change."""
        return await self._store.head()

    async def follow(self, after: int) -> AsyncIterator[tuple[int, list[Entry]]]:
        """Changed titles as search holds them."""
        async for batch in self._feed.follow(after):
            yield batch[-1].seq, [_entry(change) for change in batch]


def _entry(change: Change) -> Entry:
    title = change.title
    return Entry(
        title.content_id,
        title.title,
        title.year,
        title.genres,
        title.cast,
        title.description,
        title.countries,
        title.popularity,
    )


class ShelfOfCatalogue:
    """The catalogue as recommendations see it."""

    def __init__(self, store: CatalogueStore, feed: Feed) -> None:
        self._store = store
        self._feed = feed

    async def head(self) -> int:
        """The latest change."""
        return await self._store.head()

    async def exists(self, content_id: str) -> bool:
        """Whether there is such a title."""
        return await self._store.get(content_id) is not None

    async def follow(self, after: int) -> AsyncIterator[tuple[int, list[Shown]]]:
        """Changed titles as recommendations see them."""
        async for batch in self._feed.follow(after):
            yield batch[-1].seq, [_shown(change.title) for change in batch]


def _shown(title: Title) -> Shown:
    return Shown(title.content_id, title.countries, title.popularity, title.playable is not None)


class ChangesOfCatalogue:
    """The catalogue as control is told of it."""

    def __init__(self, store: CatalogueStore, feed: Feed) -> None:
        self._store = store
        self._feed = feed

    async def head(self) -> int:
        """The latest change."""
        return await self._store.head()

    def follow(self, after: int) -> AsyncIterator[list[Change]]:
        """Changed titles."""
        return self._feed.follow(after)
