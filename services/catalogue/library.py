"""Parse the origin's library, and merge its entries into the catalogue's titles. Pure."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from kernel.vocabulary import is_content_id
from services.catalogue.title import COUNTRY, Encryption, Playable, Rendition, Title, Track, normalise_countries

_PATH = re.compile(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*", re.ASCII)


class LibraryTitle(Struct, frozen=True, rename="camel"):
    """One entry of the origin's `GET /library`; the paths in `streams` and `thumbnail` are relative to the title."""

    content_id: str
    title: str = ""
    version: int = 1
    published: str = ""
    duration: float = 0.0
    countries: list[Annotated[str, Meta(pattern=COUNTRY)]] | None = None
    metadata: dict[str, Any] = {}
    renditions: list[Rendition] = []
    streams: dict[str, str] = {}
    tiers: dict[str, dict[str, str]] = {}
    thumbnail: str | None = None
    tracks: list[Track] = []
    encryption: Encryption | None = None


class _Library(Struct):
    titles: list[msgspec.Raw] = []


_library = msgspec.json.Decoder(_Library)
_entry = msgspec.json.Decoder(LibraryTitle)


def parse_library(body: bytes) -> tuple[list[LibraryTitle], list[str]]:
    """Parse a library into (titles, errors of skipped entries). Raises ValueError if it is not a library."""
    try:
        raws = _library.decode(body).titles
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"the origin's library is not valid: {error}") from None
    titles, faults = [], []
    for number, raw in enumerate(raws):
        try:
            entry = _entry.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            faults.append(f"entry {number}: {error}")
            continue
        if is_content_id(entry.content_id):
            titles.append(entry)
        else:
            faults.append(f"entry {number}: {entry.content_id!r:.80} is not a valid contentId")
    return titles, faults


def to_playable(entry: LibraryTitle) -> Playable:
    """The playable part of an entry; the playlists of a tier are the streams `hls-sd`, `dash-sd` and so on."""
    tiers = {f"{kind}-{tier}": path for tier, streams in entry.tiers.items() for kind, path in streams.items()}
    streams = entry.streams | tiers
    return Playable(
        version=entry.version,
        published=entry.published,
        duration=max(0.0, entry.duration),
        renditions=tuple(entry.renditions),
        streams={name: path for name, path in streams.items() if _is_below(path)},
        thumbnail=entry.thumbnail if entry.thumbnail and _is_below(entry.thumbnail) else None,
        tracks=tuple(entry.tracks),
        encryption=entry.encryption,
    )


def _is_below(path: str) -> bool:
    """Whether a path stays inside its title's folder and needs no percent-encoding."""
    return _PATH.fullmatch(path) is not None and all(part.strip(".") for part in path.split("/"))


def merge_published(known: Title | None, seen: LibraryTitle | None, entry: LibraryTitle) -> Title:
    """The catalogue's title after the origin published `entry`.

    `known` is the current title, `seen` the previous entry of the origin; None if there is none. The catalogue owns
    titles and licences: only fields that differ between `seen` and `entry` are updated, so that an unchanged entry
    never undoes an import or an operator's licence.
    """
    published = _title_from_entry(entry)
    if known is None:
        return published
    if seen is None:  # Imported before its first publication: fill the gaps; the licence may only become narrower.
        return msgspec.structs.replace(
            known,
            year=known.year or published.year,
            genres=known.genres or published.genres,
            cast=known.cast or published.cast,
            description=known.description or published.description,
            attribution=published.attribution,
            countries=published.countries if known.countries is None else known.countries,
            playable=published.playable,
        )
    before = _title_from_entry(seen)
    changed = {
        name: getattr(published, name)
        for name in ("title", "year", "genres", "cast", "description", "attribution", "countries")
        if getattr(before, name) != getattr(published, name)
    }
    if "countries" in changed:
        changed["windows"] = None
    return msgspec.structs.replace(known, playable=published.playable, **changed)


def _title_from_entry(entry: LibraryTitle) -> Title:
    data = entry.metadata
    title = entry.title or _text(data, "title") or entry.content_id
    year = data.get("year")
    return Title(
        content_id=entry.content_id,
        title=title[:500],
        year=year if isinstance(year, int) and 1800 <= year <= 2200 else None,
        genres=_texts(data, "genres"),
        cast=_texts(data, "cast"),
        description=_text(data, "description")[:50_000],
        countries=None if entry.countries is None else normalise_countries(entry.countries),
        attribution=_attribution(data),
        playable=to_playable(entry),
    )


def _attribution(data: dict[str, Any]) -> str:
    """One line with the film's makers and licence, which free licences require to be shown."""
    credit = _text(data, "attribution") or _text(data, "credit")
    licence = _text(data, "licence") or _text(data, "license")
    return (f"{credit} ({licence})" if credit and licence and licence not in credit else credit or licence)[:500]


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    return " ".join(value.split()) if isinstance(value, str) else ""


def _texts(data: dict[str, Any], name: str) -> tuple[str, ...]:
    value = data.get(name)
    texts = value if isinstance(value, list) else []
    return tuple(text for text in texts if isinstance(text, str) and text.strip())[:64]
