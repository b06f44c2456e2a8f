"""A title as search gets it from the catalogue, and as it keeps it in memory for ranking. Pure."""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Sequence
from functools import lru_cache

import msgspec
import xxhash

from services.search.text.fold import index_text, key, words
from services.search.text.names import MAX_FORM_LENGTH, all_forms, number_forms

MAX_SNIPPET_SOURCE = 1200
"""Characters of a description kept in memory for snippets."""
MAX_PEOPLE = 200
MAX_SHARED_GENRES = 16_384
"""Combinations of genres that rows share in memory."""
TIERS = ("sd", "hd", "uhd")
EVERYWHERE = "*"


class IndexedPerson(msgspec.Struct, frozen=True, array_like=True):
    """A person of a title; `character` is "" if unknown."""

    name: str
    character: str = ""


class IndexedTitle(msgspec.Struct, frozen=True):
    """A title for search. `countries` None = everywhere; `deleted` when it leaves the index.

    `names` are its other titles: the original one, aliases, translations. `tier` is the lowest plan that may watch it.
    """

    content_id: str
    title: str
    year: int | None = None
    genres: tuple[str, ...] = ()
    cast: tuple[str, ...] = ()
    text: str = ""
    countries: tuple[str, ...] | None = None
    popularity: float = 0.0
    deleted: bool = False
    names: tuple[str, ...] = ()
    people: tuple[IndexedPerson, ...] = ()
    rating: float | None = None
    maturity: int | None = None
    tier: str | None = None
    languages: tuple[str, ...] = ()
    kind: str = "film"
    parent: str | None = None
    playable: bool = False


class TitleRow(msgspec.Struct, frozen=True, array_like=True):
    """What ranking reads of a title, folded once at indexing because each query compares a hundred rows.

    `same` are its names as lines, `forms` the lines by which it is found whole, `tokens` the words of its names,
    `people` and `characters` folded names, `genres` (folded, shown) pairs. `rank` orders by popularity and is unique.
    """

    content_id: str
    title: str
    rank: int
    same: tuple[str, ...]
    forms: tuple[str, ...]
    tokens: tuple[str, ...]
    people: tuple[str, ...]
    shown_people: tuple[str, ...]
    characters: tuple[str, ...]
    genres: tuple[tuple[str, str], ...]
    text: str
    popularity: float
    year: int
    countries: tuple[str, ...] | None
    rating: float | None
    maturity: int
    tier: str
    languages: tuple[str, ...]
    kind: str
    parent: str | None
    playable: bool


def popularity_rank(popularity: float, content_id: str) -> int:
    """A number of 63 bits that orders by popularity, then in an order that is the same on every node."""
    (bits,) = struct.unpack(">Q", struct.pack(">d", max(0.0, popularity) if math.isfinite(popularity) else 0.0))
    order: int = bits >> 32
    return order << 31 | xxhash.xxh32_intdigest(content_id.encode()) >> 1


def make_row(entry: IndexedTitle) -> TitleRow:
    """Fold a title for ranking."""
    names = (entry.title, *entry.names)
    people = tuple(dict.fromkeys((*entry.cast, *(person.name for person in entry.people))))[:MAX_PEOPLE]
    characters = tuple(key(person.character) for person in entry.people if person.character)[:MAX_PEOPLE]
    return TitleRow(
        content_id=entry.content_id,
        title=entry.title,
        rank=popularity_rank(entry.popularity, entry.content_id),
        same=tuple(dict.fromkeys(key(name)[:MAX_FORM_LENGTH] for name in names)),
        forms=tuple(all_forms(names)),
        tokens=title_tokens(names),
        people=tuple(dict.fromkeys(key(name) for name in people)),
        shown_people=people,
        characters=characters,
        genres=tuple((genre_key(genre), genre) for genre in entry.genres),
        text=" ".join(entry.text[: 2 * MAX_SNIPPET_SOURCE].split())[:MAX_SNIPPET_SOURCE],
        popularity=entry.popularity,
        year=entry.year or 0,
        countries=entry.countries,
        rating=entry.rating,
        maturity=entry.maturity or 0,
        tier=entry.tier or TIERS[0],
        languages=tuple(language.lower() for language in entry.languages),
        kind=entry.kind,
        parent=entry.parent,
        playable=entry.playable,
    )


def share_texts(row: TitleRow) -> TitleRow:
    """The same row with texts that many rows have in memory once: words, names, genres."""
    return msgspec.structs.replace(
        row,
        tokens=tuple(map(sys.intern, row.tokens)),
        people=tuple(map(sys.intern, row.people)),
        shown_people=tuple(map(sys.intern, row.shown_people)),
        genres=_share_genres(row.genres),
        tier=sys.intern(row.tier),
        kind=sys.intern(row.kind),
    )


@lru_cache(MAX_SHARED_GENRES)
def _share_genres(genres: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return genres


def title_tokens(names: Sequence[str]) -> tuple[str, ...]:
    """The distinct tokens of a title's names, numbers also as digits."""
    found: dict[str, None] = {}
    for name in names:
        found.update(dict.fromkeys(index_text(name).split()))
        found.update(dict.fromkeys(number_forms(words(name))))
    return tuple(found)


def genre_key(genre: str) -> str:
    """The form of a genre in the index."""
    return key(genre)


def is_licensed(row: TitleRow, country: str | None) -> bool:
    """Whether a viewer in `country` (None = unknown) may see a title."""
    return row.countries is None or (country is not None and country in row.countries)
