"""Titles as lines of an import file, read with an error that names the field, and written out again. Pure."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from kernel.titles import clean_title, has_control_characters
from kernel.vocabulary import Tier
from services.catalogue.licence import MAX_TIME, MAX_WINDOWS, EmptyWindow, Window, Windows, normalise_windows
from services.catalogue.title import MAX_POPULARITY, Artwork, Country, Kind, Person, Title, Word, normalise_countries

Language = Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]{2,35}\Z")]
ContentId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")]


class WindowLine(Struct, forbid_unknown_fields=True):
    """A licence window of a line; `starts` and `ends` are RFC 3339 or Unix seconds.

    Unknown fields are refused: a misspelt `ends` would be a licence for ever.
    """

    countries: Annotated[list[Country], Meta(max_length=300)] | None = None
    starts: Annotated[datetime, Meta(tz=True)] | Annotated[float, Meta(ge=0, le=MAX_TIME)] | None = None
    ends: Annotated[datetime, Meta(tz=True)] | Annotated[float, Meta(ge=0, le=MAX_TIME)] | None = None


class TitleLine(Struct, rename="camel"):
    """A line of an import file, and the body of PUT /titles/{contentId}; other fields are ignored.

    A licence is given by `countries` or by `windows`, whose `starts` and `ends` are RFC 3339 or Unix seconds.
    """

    title: Annotated[str, Meta(min_length=1, max_length=500)]
    content_id: ContentId | None = None
    year: Annotated[int, Meta(ge=1800, le=2200)] | None = None
    genres: Annotated[list[Word], Meta(max_length=64)] | None = None
    cast: Annotated[list[Word], Meta(max_length=1000)] | None = None
    description: Annotated[str, Meta(max_length=50_000)] | None = None
    extract: Annotated[str, Meta(max_length=50_000)] | None = None
    countries: Annotated[list[Country], Meta(max_length=300)] | UnsetType | None = UNSET
    rating: Annotated[float, Meta(ge=0, le=100)] | None = None
    popularity: Annotated[float, Meta(ge=0, le=MAX_POPULARITY)] | None = None
    attribution: Annotated[str, Meta(max_length=500)] | None = None
    kind: Kind | None = None
    parent: ContentId | None = None
    number: Annotated[int, Meta(ge=0, le=100_000)] | None = None
    people: Annotated[list[Person], Meta(max_length=1000)] | None = None
    maturity: Annotated[int, Meta(ge=0, le=21)] | None = None
    tier: Tier | None = None
    languages: Annotated[list[Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]{2,35}\Z")]], Meta(max_length=100)] | None = (
        None
    )
    artwork: Annotated[list[Artwork], Meta(max_length=50)] | None = None
    windows: Annotated[list[WindowLine], Meta(max_length=MAX_WINDOWS)] | UnsetType | None = UNSET
    original_title: Annotated[str, Meta(max_length=500)] | None = None
    aliases: Annotated[list[Annotated[str, Meta(min_length=1, max_length=500)]], Meta(max_length=100)] | None = None


@dataclass(frozen=True, slots=True)
class ImportedTitle:
    """A title of an import file; `licence_given` is whether its line has the field `countries` or `windows`."""

    title: Title
    licence_given: bool


@dataclass(frozen=True, slots=True)
class LineError:
    """Why a line is not a valid title: the invalid field ("" for the whole line), and the reason."""

    field: str
    why: str
    contradicts: bool = False
    """Its fields are each valid, and contradict one another."""

    def __str__(self) -> str:
        return f"field `{self.field}`: {self.why}" if self.field else self.why


_lines = msgspec.json.Decoder(TitleLine)
_FIELD = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")


def parse_line(line: bytes | msgspec.Raw) -> ImportedTitle | LineError:
    """Parse one JSON object of an import file."""
    try:
        found = _lines.decode(line)
    except msgspec.ValidationError as error:
        return _fault(str(error))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return LineError("", f"not valid JSON: {error}")
    return check_line(found)


def check_line(found: TitleLine, content_id: str | None = None) -> ImportedTitle | LineError:
    """The title of a line; `content_id` in place of the line's own."""
    name = clean_title(found.title)
    if not name:
        return LineError("title", "is blank")
    if has_control_characters(name):
        return LineError("title", "has control characters")
    if found.kind in (Kind.SEASON, Kind.EPISODE) and not found.parent:
        return LineError("parent", f"is missing, which a title of kind {found.kind} must have")
    try:
        given, countries, windows = _licence(found)
    except ValueError as error:
        return LineError("windows", str(error), isinstance(error, EmptyWindow))
    title = Title(
        content_id=content_id or found.content_id or stable_content_id(name, found.year),
        title=name,
        year=found.year,
        genres=_words(found.genres),
        cast=_words(found.cast),
        description=(found.description or found.extract or "").strip(),
        countries=countries,
        rating=found.rating,
        popularity=found.popularity or 0.0,
        attribution=found.attribution or "",
        kind=found.kind or Kind.FILM,
        parent=found.parent,
        number=found.number,
        people=tuple(found.people or ()),
        maturity=found.maturity,
        tier=found.tier,
        languages=_words(found.languages),
        artwork=tuple(found.artwork or ()),
        windows=windows,
        original_title=clean_title(found.original_title or ""),
        aliases=_words([clean_title(alias) for alias in found.aliases or ()]),
    )
    return ImportedTitle(title, given)


def _licence(found: TitleLine) -> tuple[bool, tuple[str, ...] | None, Windows | None]:
    """(whether a licence is given, countries, windows). The countries of windows are found when it is stored."""
    if found.windows is UNSET or found.windows is None:
        countries = None if found.countries is UNSET else found.countries
        given = found.countries is not UNSET or found.windows is None
        return given, None if countries is None else normalise_countries(countries), None
    if found.countries is not UNSET and found.countries is not None:
        raise ValueError("a licence is given by `countries` or by `windows`, not by both")
    return True, (), parse_windows(found.windows)


def parse_windows(lines: Sequence[WindowLine]) -> Windows:
    """The windows of a line. Raises ValueError naming what is wrong with them."""
    windows = [
        Window(None if one.countries is None else tuple(one.countries), _seconds(one.starts), _seconds(one.ends))
        for one in lines
    ]
    return normalise_windows(windows)


def _seconds(moment: datetime | float | None) -> float | None:
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise ValueError(f"{moment.isoformat()} has no time zone: write 2026-12-01T00:00:00Z")
        moment = moment.timestamp()
    if moment is not None and not 0 <= moment <= MAX_TIME:
        raise ValueError(f"{moment:.0f} is not in Unix seconds")
    return moment


def _fault(message: str) -> LineError:
    at = _FIELD.search(message)
    why = message[: at.start()] if at else message
    field = at["path"] if at else ""
    missing = re.search(r"missing required field `(\w+)`", why)
    return LineError(missing[1], "is missing") if missing else LineError(field, why[:1].lower() + why[1:])


def _words(texts: list[str] | None) -> tuple[str, ...]:
    stripped = (" ".join(text.split()) for text in texts or ())
    return tuple(dict.fromkeys(text for text in stripped if text))


def stable_content_id(title: str, year: int | None) -> str:
    """A contentId that is the same for the same title and year at every import: a slug, the year and a hash."""
    title = unicodedata.normalize("NFC", title)
    key = f"{title.casefold()}\0{year or ''}".encode()
    digest = hashlib.blake2b(key, digest_size=5).hexdigest()
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "title"
    return "-".join(part for part in (slug, str(year) if year else "", digest) if part)


def export_line(title: Title) -> dict[str, Any]:
    """A title as a line of an import file, from which `parse_line` makes the same title again."""
    line: dict[str, Any] = {"contentId": title.content_id, "title": title.title}
    optional = {
        "kind": None if title.kind is Kind.FILM else title.kind,
        "parent": title.parent,
        "number": title.number,
        "year": title.year,
        "genres": title.genres,
        "cast": title.cast,
        "people": title.people,
        "description": title.description,
        "rating": title.rating,
        "popularity": title.popularity,
        "attribution": title.attribution,
        "maturity": title.maturity,
        "tier": title.tier,
        "languages": title.languages,
        "artwork": title.artwork,
        "originalTitle": title.original_title,
        "aliases": title.aliases,
    }
    line |= {name: value for name, value in optional.items() if value not in (None, "", (), 0.0)}
    if title.windows is None:
        return line | {"countries": title.countries}
    return line | {"windows": [_window_json(window) for window in title.windows]}


def _window_json(window: Window) -> dict[str, Any]:
    shown: dict[str, Any] = {"countries": window.countries}
    for name, moment in (("starts", window.starts), ("ends", window.ends)):
        if moment is not None:
            shown[name] = datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")
    return shown
