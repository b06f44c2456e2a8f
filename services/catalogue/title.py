"""The catalogue's title: what it is, who made it, where and when it may be watched, what is published of it. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from kernel.vocabulary import Tier
from services.catalogue.licence import (
    Availability,
    Verdict,
    Windows,
    judge_licence,
    open_countries,
    windows_of,
)

COUNTRY = r"^[A-Za-z]{2}\Z"
MAX_POPULARITY = 1e12
Word = Annotated[str, Meta(min_length=1, max_length=200)]
Country = Annotated[str, Meta(pattern=COUNTRY)]


class Kind(StrEnum):
    """What a title is. A season names its series as `parent`, an episode its season or series."""

    FILM = "film"
    SERIES = "series"
    SEASON = "season"
    EPISODE = "episode"


class Person(Struct, frozen=True, omit_defaults=True):
    """Somebody of the cast or crew; `role` such as actor, director, writer; `character` of an actor."""

    name: Word
    role: Annotated[str, Meta(min_length=1, max_length=40)] = "actor"
    character: Annotated[str, Meta(max_length=200)] = ""


class Artwork(Struct, frozen=True, omit_defaults=True):
    """A picture: `kind` poster, backdrop, logo or thumbnail; `url` absolute, or a path of the origin."""

    kind: Annotated[str, Meta(pattern=r"^(poster|backdrop|logo|thumbnail)\Z")]
    url: Annotated[str, Meta(min_length=1, max_length=500, pattern=r"^(https?://|/)[\x21-\x7e]*\Z")]
    width: Annotated[int, Meta(ge=1, le=20_000)] | None = None
    height: Annotated[int, Meta(ge=1, le=20_000)] | None = None


class Track(Struct, frozen=True, rename="camel", omit_defaults=True):
    """An audio or subtitle track of a publication; `language` by BCP 47."""

    kind: str
    language: str = ""
    name: str = ""


class Encryption(Struct, frozen=True, rename="camel", omit_defaults=True):
    """How a publication is encrypted: `scheme` cbcs or cenc, `key_ids` in hexadecimal by label (SD, HD, UHD, AUDIO)."""

    scheme: str
    key_ids: dict[str, str] = {}


class Rendition(Struct, frozen=True, rename="camel"):
    """One rung of a published title's ladder; `lines` is its class (720 of v720), `bandwidth` is in bit/s."""

    name: str
    height: int | None = None
    lines: int | None = None
    bandwidth: int | None = None


class Playable(Struct, frozen=True, rename="camel"):
    """A title's publication; `duration` is in seconds, `streams` and `thumbnail` are paths relative to the title."""

    version: int = 1
    published: str = ""
    duration: float = 0.0
    renditions: tuple[Rendition, ...] = ()
    streams: dict[str, str] = {}
    thumbnail: str | None = None
    tracks: tuple[Track, ...] = ()
    encryption: Encryption | None = None


class Title(Struct, frozen=True, rename="camel"):
    """One title.

    `countries`: where it may be watched now, None = everywhere, empty = nowhere; `windows`: its licence when that
    changes with time, None when `countries` holds for ever. `playable` None = nothing published. `rating` is the
    viewers' score, `aliases` its other names, `maturity` the minimum age, `tier` the lowest plan that may watch it,
    `languages` by BCP 47, `number` of a season or an episode.
    """

    content_id: str
    title: str
    year: int | None = None
    genres: tuple[str, ...] = ()
    cast: tuple[str, ...] = ()
    description: str = ""
    countries: tuple[str, ...] | None = None
    rating: float | None = None
    popularity: float = 0.0
    attribution: str = ""
    playable: Playable | None = None
    kind: Kind = Kind.FILM
    parent: str | None = None
    number: int | None = None
    people: tuple[Person, ...] = ()
    maturity: int | None = None
    tier: Tier | None = None
    languages: tuple[str, ...] = ()
    artwork: tuple[Artwork, ...] = ()
    windows: Windows | None = None
    original_title: str = ""
    aliases: tuple[str, ...] = ()


class Change(Struct, frozen=True):
    """One entry of the change log: the title's state since sequence number `seq`; `deleted` when it is gone."""

    seq: int
    title: Title
    deleted: bool = False


def normalise_countries(countries: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """Country codes in upper case, sorted, without duplicates."""
    return tuple(sorted({country.upper() for country in countries}))


def is_licensed(countries: tuple[str, ...] | None, country: str | None) -> bool:
    """Whether a licence covers a viewer's country; an unknown country is covered only by "everywhere"."""
    return countries is None or (country is not None and country in countries)


def licence_of(title: Title) -> Windows | None:
    """A title's licence as windows."""
    return title.windows if title.windows is not None else windows_of(title.countries)


def judge_title(title: Title, country: str | None, now: float) -> Verdict:
    """Whether a viewer in `country` may watch a title at `now`."""
    return judge_licence(licence_of(title), country, now)


def is_available(title: Title, country: str | None, now: float) -> bool:
    """Whether a viewer in `country` may watch a title at `now`."""
    return judge_title(title, country, now).availability is Availability.AVAILABLE


def with_open_countries(title: Title, now: float) -> Title:
    """The title with the countries where its windows are open at `now`."""
    if title.windows is None:
        return title
    return msgspec.structs.replace(title, countries=open_countries(title.windows, now))
