"""Titles as JSON for viewers and operators, and the schemas of it. Pure."""

from __future__ import annotations

from typing import Any

from services.catalogue.title import Title
from services.catalogue.title_line import export_line

TITLE_SCHEMA = {
    "type": "object",
    "required": ["contentId", "title", "playable"],
    "properties": {
        "contentId": {"type": "string"},
        "title": {"type": "string"},
        "year": {"type": ["integer", "null"]},
        "genres": {"type": "array", "items": {"type": "string"}},
        "cast": {"type": "array", "items": {"type": "string"}},
        "description": {"type": "string"},
        "playable": {"type": "boolean"},
        "durationSeconds": {"type": ["number", "null"]},
        "thumbnail": {"type": ["string", "null"]},
        "rating": {"type": ["number", "null"]},
        "popularity": {"type": "number"},
        "attribution": {"type": "string"},
        "kind": {"enum": ["film", "series", "season", "episode"]},
        "parent": {"type": ["string", "null"]},
        "number": {"type": ["integer", "null"]},
        "people": {"type": "array", "items": {"type": "object"}},
        "maturity": {"type": ["integer", "null"]},
        "tier": {"type": ["string", "null"]},
        "languages": {"type": "array", "items": {"type": "string"}},
        "subtitles": {"type": "array", "items": {"type": "string"}},
        "artwork": {"type": "array", "items": {"type": "object"}},
        "originalTitle": {"type": "string"},
        "aliases": {"type": "array", "items": {"type": "string"}},
    },
}


def title_json(title: Title, *, operator: bool) -> dict[str, Any]:
    """A title as JSON; only operators see its countries."""
    film = title.playable
    shown = {
        "contentId": title.content_id,
        "title": title.title,
        "year": title.year,
        "genres": title.genres,
        "cast": title.cast,
        "description": title.description,
        "playable": film is not None,
        "durationSeconds": film.duration if film else None,
        "thumbnail": f"/posters/{title.content_id}" if film and film.thumbnail else None,
        "rating": title.rating,
        "popularity": title.popularity,
        "attribution": title.attribution,
        "kind": title.kind,
        "parent": title.parent,
        "number": title.number,
        "people": title.people,
        "maturity": title.maturity,
        "tier": title.tier,
        "languages": _languages(title, "audio") or title.languages,
        "subtitles": _languages(title, "subtitles"),
        "artwork": title.artwork,
        "originalTitle": title.original_title,
        "aliases": title.aliases,
    }
    if not operator:
        return shown
    windows = export_line(title).get("windows")
    return shown | {"countries": title.countries} | ({"windows": windows} if windows is not None else {})


def _languages(title: Title, kind: str) -> list[str]:
    tracks = title.playable.tracks if title.playable else ()
    return list(dict.fromkeys(track.language for track in tracks if track.kind == kind and track.language))
