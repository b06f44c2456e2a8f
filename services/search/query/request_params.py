"""Read a search from query parameters; every error is a 400 that names the parameter."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, replace

import msgspec
import xxhash
from aiohttp import web

from httpd.openapi import Parameter
from kernel.errors import BadRequest
from services.http import params
from services.search.index.entry import TIERS, genre_key
from services.search.index.facets import Facet
from services.search.query.filters import Filters
from services.search.query.parse import MAX_QUERY_LENGTH
from services.search.query.request import MAX_OFFSET, Sort
from services.search.text.fold import key

MAX_LISTED = 8
"""Values of a parameter that may be repeated."""
MAX_VALUE = 100
_LANGUAGE = re.compile(r"[A-Za-z0-9-]{2,35}")
_BOOLEAN = {"type": "boolean", "default": False}
_YEAR = {"type": "integer", "minimum": 1, "maximum": 9999}

_NAME = {"type": "string", "maxLength": MAX_VALUE}


def _pattern(whole: str) -> dict[str, str]:
    """The schema of a text that a pattern matches as a whole."""
    return {"type": "string", "pattern": f"^{whole}$"}


PARAMETERS = (
    Parameter(
        "query",
        f"What the viewer typed, up to {MAX_QUERY_LENGTH} characters; the last word may be a beginning.",
        schema={"type": "string", "maxLength": MAX_QUERY_LENGTH},
    ),
    Parameter("genre", "Only titles of this genre; if repeated, of all these genres.", schema=_NAME),
    Parameter("limit", "Number of titles, 1 to 100.", schema=params.integer_schema(1, 100, 20)),
    Parameter("country", "Use this country instead of the viewer's own (API key only).", schema=params.COUNTRY_SCHEMA),
    Parameter("yearFrom", "The first year.", schema=_YEAR),
    Parameter("yearTo", "The last year.", schema=_YEAR),
    Parameter("cast", "Only titles with this person; if repeated, with all of them.", schema=_NAME),
    Parameter("language", "Only titles in this language (BCP 47).", schema=_pattern(_LANGUAGE.pattern)),
    Parameter("ratingFrom", "The lowest viewers' score.", schema={"type": "number", "minimum": 0, "maximum": 100}),
    Parameter("maturity", "The highest minimum age.", schema={"type": "integer", "minimum": 0, "maximum": 21}),
    Parameter("tier", "Only titles that need this plan.", schema={"type": "string", "enum": list(TIERS)}),
    Parameter(
        "series",
        "true: only series; false: only films; a contentId: what belongs to it.",
        schema=params.CONTENT_ID_SCHEMA,
    ),
    Parameter("playable", "Only titles that can be played now.", schema=_BOOLEAN),
    Parameter("sort", "The order.", schema={"type": "string", "enum": [one.value for one in Sort]}),
    Parameter("typos", "false: exact matches only.", schema={"type": "boolean", "default": True}),
    Parameter(
        "facets",
        f"Facets to count, separated by commas: {', '.join(Facet)}.",
        schema=_pattern(f"(({'|'.join(Facet)})(,({'|'.join(Facet)}))*)?"),
    ),
    Parameter("cursor", "Continue at the `nextCursor` of the page before; empty for the first page."),
    Parameter("highlight", "Add `highlight`: the title as HTML with <mark> around matching words.", schema=_BOOLEAN),
    Parameter("explain", "Add `match`: why a title is in the results.", schema=_BOOLEAN),
)


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Where the next page begins, and a hash of the search that it belongs to."""

    offset: int
    search: int


@dataclass(frozen=True, slots=True)
class SearchParameters:
    """A search as it was asked for; `paged` = answer with items, facets, total and cursor."""

    text: str
    filters: Filters
    limit: int
    offset: int
    sort: Sort
    typos: bool
    facets: tuple[Facet, ...]
    paged: bool
    highlight: bool
    explain: bool
    fingerprint: int

    def next_cursor(self, total: int, shown: int) -> str | None:
        """The cursor of the page behind this one; None at the end."""
        offset = self.offset + shown
        if not shown or offset >= min(total, MAX_OFFSET):
            return None
        packed = msgspec.msgpack.encode(Cursor(offset, self.fingerprint))
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def read_parameters(request: web.Request, country: str | None, maturity: int | None) -> SearchParameters:
    """Read a search; `maturity` is the highest minimum age that the viewer's profile is shown. Raises BadRequest."""
    text = " ".join((params.text(request, "query") or "").split())
    if len(text) > MAX_QUERY_LENGTH:
        raise BadRequest(400, "query-too-long", f"query parameter `query` is longer than {MAX_QUERY_LENGTH} characters")
    filters = _with_maturity(_read_filters(request, country), maturity)
    sort = _choice(request, "sort", Sort, Sort.RELEVANCE)
    typos = params.text(request, "typos") is None or params.boolean(request, "typos")
    facets, cursor = _read_facets(request), params.text(request, "cursor")
    fingerprint = xxhash.xxh32_intdigest(repr((text, filters, sort, typos)).encode())
    return SearchParameters(
        text=text,
        filters=filters,
        limit=params.integer(request, "limit", 20, 1, 100),
        offset=_read_cursor(cursor, fingerprint) if cursor else 0,
        sort=sort,
        typos=typos,
        facets=facets,
        paged=cursor is not None or bool(facets),
        highlight=params.boolean(request, "highlight"),
        explain=params.boolean(request, "explain"),
        fingerprint=fingerprint,
    )


def _read_filters(request: web.Request, country: str | None) -> Filters:
    series, parent = _read_series(request)
    language = params.text(request, "language")
    if language is not None and not _LANGUAGE.fullmatch(language):
        raise BadRequest(
            400, "parameter-value", "query parameter `language` must be a language tag such as `de` (BCP 47)"
        )
    tier = params.text(request, "tier")
    if tier is not None and tier not in TIERS:
        raise BadRequest(400, "parameter-value", f"query parameter `tier` must be one of {', '.join(TIERS)}")
    first, last = _optional_integer(request, "yearFrom", 1, 9999), _optional_integer(request, "yearTo", 1, 9999)
    return Filters(
        country,
        genres=tuple(folded for genre in _listed(request, "genre") if (folded := genre_key(genre))),
        year_from=first,
        year_to=last,
        cast=tuple(folded for name in _listed(request, "cast") if (folded := key(name))),
        language=None if language is None else language.lower(),
        rating_from=_read_rating(request),
        maturity=_optional_integer(request, "maturity", 0, 21),
        tier=tier,
        playable=params.boolean(request, "playable") or None,
        series=series,
        parent=parent,
    )


def _with_maturity(filters: Filters, maturity: int | None) -> Filters:
    if maturity is None:
        return filters
    return replace(filters, maturity=maturity if filters.maturity is None else min(maturity, filters.maturity))


def _read_series(request: web.Request) -> tuple[bool | None, str | None]:
    value = params.text(request, "series")
    if value is None:
        return None, None
    if value in ("true", "1", "false", "0"):
        return value in ("true", "1"), None
    return None, params.content_id(value)


def _read_rating(request: web.Request) -> float | None:
    value = params.text(request, "ratingFrom")
    if value is None:
        return None
    if not re.fullmatch(r"\d{1,3}(\.\d{1,25})?(e-\d{1,3})?", value, re.ASCII) or float(value) > 100:
        raise BadRequest(400, "parameter-range", "query parameter `ratingFrom` must be a number from 0 to 100")
    return float(value)


def _optional_integer(request: web.Request, name: str, least: int, most: int) -> int | None:
    return None if params.text(request, name) is None else params.integer(request, name, least, least, most)


def _listed(request: web.Request, name: str) -> list[str]:
    values = request.query.getall(name, [])
    if len(values) > MAX_LISTED or any(len(value) > MAX_VALUE for value in values):
        raise BadRequest(400, name, f"query parameter `{name}`: at most {MAX_LISTED} of up to {MAX_VALUE} characters")
    return values


def _choice(request: web.Request, name: str, kind: type[Sort], default: Sort) -> Sort:
    value = params.text(request, name)
    if value is None:
        return default
    if value not in set(kind):
        raise BadRequest(400, "parameter-value", f"query parameter `{name}` must be one of {', '.join(kind)}")
    return kind(value)


def _read_facets(request: web.Request) -> tuple[Facet, ...]:
    value = params.text(request, "facets")
    names = [name.strip() for name in (value or "").split(",") if name.strip()]
    unknown = [name for name in names if name not in set(Facet)]
    if unknown:
        raise BadRequest(
            400, "parameter-value", f"query parameter `facets`: {unknown[0][:40]!r} is none of {', '.join(Facet)}"
        )
    return tuple(dict.fromkeys(Facet(name) for name in names))


def _read_cursor(cursor: str, fingerprint: int) -> int:
    try:
        packed = base64.urlsafe_b64decode(cursor[:64] + "=" * (-len(cursor[:64]) % 4))
        found = msgspec.msgpack.decode(packed, type=Cursor)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise BadRequest(400, "cursor", "query parameter `cursor` is not a `nextCursor` of this service") from None
    if found.search != fingerprint:
        raise BadRequest(400, "cursor", "query parameter `cursor` belongs to another search: start again without it")
    if not 0 <= found.offset <= MAX_OFFSET:
        raise BadRequest(400, "cursor", f"query parameter `cursor` is beyond the {MAX_OFFSET} first results")
    return found.offset
