"""The catalogue's title, and the parser of an import file's lines. Pure."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

COUNTRY = r"^[A-Za-z]{2}\Z"
MAX_POPULARITY = 1e12
Word = Annotated[str, Meta(min_length=1, max_length=200)]
Country = Annotated[str, Meta(pattern=COUNTRY)]


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


class Title(Struct, frozen=True, rename="camel"):
    """One title. `countries` None = licensed everywhere, empty = nowhere; `playable` None = nothing published."""

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


class Change(Struct, frozen=True):
    """One entry of the change log: the title's state since sequence number `seq`."""

    seq: int
    title: Title


class _Line(Struct, rename="camel"):
    """A line of an import file; other fields are ignored."""

    title: Annotated[str, Meta(min_length=1, max_length=500)]
    content_id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")] | None = None
    year: Annotated[int, Meta(ge=1800, le=2200)] | None = None
    genres: Annotated[list[Word], Meta(max_length=64)] | None = None
    cast: Annotated[list[Word], Meta(max_length=1000)] | None = None
    description: Annotated[str, Meta(max_length=50_000)] | None = None
    extract: Annotated[str, Meta(max_length=50_000)] | None = None
    countries: Annotated[list[Country], Meta(max_length=300)] | UnsetType | None = UNSET
    rating: Annotated[float, Meta(ge=0, le=100)] | None = None
    popularity: Annotated[float, Meta(ge=0, le=MAX_POPULARITY)] | None = None


@dataclass(frozen=True, slots=True)
class ImportedTitle:
    """A title of an import file; `licence_given` is whether its line has the field `countries`."""

    title: Title
    licence_given: bool


@dataclass(frozen=True, slots=True)
class LineError:
    """Why a line is not a valid title: the invalid field ("" for the whole line), and the reason."""

    field: str
    why: str

    def __str__(self) -> str:
        return f"field `{self.field}`: {self.why}" if self.field else self.why


_lines = msgspec.json.Decoder(_Line)
_FIELD = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")


def parse_line(line: bytes | msgspec.Raw) -> ImportedTitle | LineError:
    """Parse one JSON object of an import file."""
    try:
        found = _lines.decode(line)
    except msgspec.ValidationError as error:
        return _fault(str(error))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return LineError("", f"not valid JSON: {error}")
    name = " ".join(found.title.split())
    if not name:
        return LineError("title", "is blank")
    if not name.isprintable():
        return LineError("title", "has control characters")
    given = found.countries is not UNSET
    countries = None if found.countries is UNSET else found.countries
    title = Title(
        content_id=found.content_id or stable_content_id(name, found.year),
        title=name,
        year=found.year,
        genres=_words(found.genres),
        cast=_words(found.cast),
        description=(found.description or found.extract or "").strip(),
        countries=None if countries is None else normalise_countries(countries),
        rating=found.rating,
        popularity=found.popularity or 0.0,
    )
    return ImportedTitle(title, given)


def _fault(message: str) -> LineError:
    at = _FIELD.search(message)
    why = message[: at.start()] if at else message
    field = at["path"] if at else ""
    missing = re.search(r"missing required field `(\w+)`", why)
    return LineError(missing[1], "is missing") if missing else LineError(field, why[:1].lower() + why[1:])


def _words(texts: list[str] | None) -> tuple[str, ...]:
    stripped = (" ".join(text.split()) for text in texts or ())
    return tuple(dict.fromkeys(text for text in stripped if text))


def normalise_countries(countries: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """Country codes in upper case, sorted, without duplicates."""
    return tuple(sorted({country.upper() for country in countries}))


def stable_content_id(title: str, year: int | None) -> str:
    """A contentId that is the same for the same title and year at every import: a slug, the year and a hash."""
    key = f"{title.casefold()}\0{year or ''}".encode()
    digest = hashlib.blake2b(key, digest_size=5).hexdigest()
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "title"
    return "-".join(part for part in (slug, str(year) if year else "", digest) if part)


def is_licensed(countries: tuple[str, ...] | None, country: str | None) -> bool:
    """Whether a licence covers a viewer's country; an unknown country is covered only by "everywhere"."""
    return countries is None or (country is not None and country in countries)
