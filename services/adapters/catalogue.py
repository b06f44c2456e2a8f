"""Adapt the catalogue to the interfaces of the other services, which do not import it themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from kernel.clock import Clock
from services.catalogue.ages import find_ages
from services.catalogue.feed import ChangeFeed
from services.catalogue.store import CatalogueStore
from services.catalogue.title import Change, Kind, Playable, Title, is_available, judge_title
from services.playback.start.eligibility import Availability, PlaybackTitle, PlaybackTrack, TitleEncryption
from services.recommend.titles import RecommendTitle, TitleText, find_series
from services.search.index.entry import IndexedPerson, IndexedTitle


class CatalogueForPlayback:
    """The catalogue for playback and the gateway."""

    def __init__(self, store: CatalogueStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def playback_title(self, content_id: str, country: str | None) -> PlaybackTitle | None:
        """The film of a title; None if there is no such title."""
        title = await self._store.get(content_id)
        if title is None:
            return None
        found = as_playback_title(title, country, self._clock.wall())
        if title.parent is None:
            return found
        return replace(found, maturity=(await find_ages(self._store, [title]))[title.content_id])

    async def thumbnail(self, content_id: str, country: str | None) -> str | None:
        """The path of a title's thumbnail; None if it has none or is not licensed there."""
        title = await self._store.get(content_id)
        if title is None or title.playable is None or not is_available(title, country, self._clock.wall()):
            return None
        return title.playable.thumbnail


def as_playback_title(title: Title, country: str | None, now: float) -> PlaybackTitle:
    """Convert a catalogue title for playback at `now` (Unix seconds)."""
    verdict = judge_title(title, country, now)
    made = title.playable or Playable()
    return PlaybackTitle(
        title=title.title,
        availability=Availability(verdict.availability.value),
        published=title.playable is not None,
        duration=made.duration,
        renditions=tuple((one.lines or one.height or 0, one.bandwidth or 0) for one in made.renditions),
        streams=tuple(made.streams.items()),
        attribution=title.attribution,
        available_at=verdict.at,
        tier=title.tier,
        maturity=title.maturity,
        tracks=tuple(PlaybackTrack(one.kind, one.language, one.name) for one in made.tracks),
        encryption=_encryption(made),
    )


def _encryption(made: Playable) -> TitleEncryption | None:
    held = made.encryption
    return None if held is None else TitleEncryption(held.scheme, tuple(held.key_ids.items()))


class CatalogueForSearch:
    """The catalogue for the search index."""

    def __init__(self, store: CatalogueStore, feed: ChangeFeed) -> None:
        self._store = store
        self._feed = feed

    @property
    def epoch(self) -> str:
        """The id of the catalogue's database; it changes when the database is recreated."""
        return self._store.epoch

    async def head(self) -> int:
        """The sequence number of the latest change."""
        return await self._store.head()

    async def follow(self, after: int) -> AsyncIterator[tuple[int, list[IndexedTitle]]]:
        """Yield (sequence number, changed entries) after `after`."""
        async for batch in self._feed.follow(after):
            yield batch[-1].seq, [_entry(change) for change in batch]


def _entry(change: Change) -> IndexedTitle:
    title = change.title
    tracks = title.playable.tracks if title.playable else ()
    return IndexedTitle(
        content_id=title.content_id,
        title=title.title,
        year=title.year,
        genres=title.genres,
        cast=title.cast,
        text=title.description,
        countries=title.countries,
        popularity=title.popularity,
        deleted=change.deleted,
        names=tuple(name for name in (title.original_title, *title.aliases) if name),
        people=tuple(IndexedPerson(person.name, person.character) for person in title.people),
        rating=title.rating,
        maturity=title.maturity,
        tier=None if title.tier is None else title.tier.value,
        languages=title.languages or tuple(dict.fromkeys(one.language for one in tracks if one.language)),
        kind=title.kind.value,
        parent=title.parent,
        playable=title.playable is not None,
    )


class CatalogueForRecommend:
    """The catalogue for recommendations."""

    def __init__(self, store: CatalogueStore, feed: ChangeFeed) -> None:
        self._store = store
        self._feed = feed

    async def head(self) -> int:
        """The sequence number of the latest change."""
        return await self._store.head()

    async def follow(self, after: int) -> AsyncIterator[tuple[int, list[RecommendTitle]]]:
        """Yield (sequence number, changed titles) after `after`."""
        async for batch in self._feed.follow(after):
            yield batch[-1].seq, [_shown(change) for change in batch]


def _shown(change: Change) -> RecommendTitle:
    title = change.title
    countries = () if change.deleted else title.countries  # a deleted title is licensed nowhere
    published = title.playable.published if title.playable is not None else ""
    return RecommendTitle(
        title.content_id,
        countries,
        title.popularity,
        title.playable is not None,
        title.maturity,
        title.kind in (Kind.FILM, Kind.SERIES),
        title.title,
        title.genres,
        title.year,
        published[:10] or str(title.year or ""),
        as_title_text(title),
        title.parent if title.kind in (Kind.SEASON, Kind.EPISODE) else None,
    )


async def read_title_texts(store: CatalogueStore) -> tuple[dict[str, TitleText], dict[str, str]]:
    """(what training knows of each film and series besides its viewers, the series of each season and episode)."""
    texts: dict[str, TitleText] = {}
    parents: dict[str, str] = {}
    async for title in store.export_titles():
        if title.kind in (Kind.SEASON, Kind.EPISODE) and title.parent:
            parents[title.content_id] = title.parent
        else:
            texts[title.content_id] = as_title_text(title)
    return texts, {one: find_series(one, parents.get) for one in parents}


def as_title_text(title: Title) -> TitleText:
    """What recommendations know of a title besides its viewers."""
    people = dict.fromkeys((*title.cast, *(person.name for person in title.people)))
    return TitleText(title.genres, title.year, tuple(people)[:20], f"{title.title} {title.description[:4_000]}")


class CatalogueForControl:
    """The catalogue for the link to control."""

    def __init__(self, store: CatalogueStore, feed: ChangeFeed) -> None:
        self._store = store
        self._feed = feed

    async def head(self) -> int:
        """The sequence number of the latest change."""
        return await self._store.head()

    def follow(self, after: int) -> AsyncIterator[list[Change]]:
        """Yield batches of changed titles after `after`."""
        return self._feed.follow(after)
