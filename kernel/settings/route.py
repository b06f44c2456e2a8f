"""One `[[route]]` of the settings file as written; `edge.policy.configured_routes` compiles it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kernel.errors import BadSettings
from kernel.http.authority import normal_authority
from kernel.http.field_names import ANSWERED_HERE, NEVER_UPSTREAM, OF_ONE_VIEWER, is_cmcd, is_override
from kernel.http.path_pattern import PathPattern, parse_pattern
from kernel.settings.setting_types import DURATION, SIZE, SWITCH, Kind, choice
from kernel.settings.table import setting
from kernel.vocabulary import CONTENT_ID

MAX_ROUTES = 100
MIN_SLICE = 64 << 10
MAX_SLICE = 64 << 20
YEAR = 86400 * 365

_HOST = re.compile(r"(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\]", re.ASCII)
_FIELD = re.compile(r"[a-z0-9!#$&'*+.^_`|~-]+", re.ASCII)
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9_.\[\]:-]+", re.ASCII)


def _of_pattern(expression: re.Pattern[str], what: str) -> Kind:
    def parse(text: str) -> bytes:
        if not expression.fullmatch(text.lower()):
            raise ValueError(f"{text!r} is not {what}")
        return text.lower().encode()

    return Kind(what.removeprefix("a ").removeprefix("an "), parse)


def _content(text: str) -> bytes:
    if not re.fullmatch(CONTENT_ID.pattern, text):
        raise ValueError(f"{text!r} is not a contentId")
    return text.encode()


def _parameter(text: str) -> bytes:
    if not re.fullmatch(r"[\x21\x22\x24\x25\x27-\x3c\x3e-\x7e]+", text):
        raise ValueError(f"{text!r} is not the name of a parameter")
    return text.encode()


def _host(text: str) -> bytes:
    """A host as requests' are: in its one normal form (`kernel.http.authority`), without port."""
    star, name = ("*.", text[2:]) if text.startswith("*.") else ("", text)
    normal = normal_authority(name.encode("utf-8"))
    found = star + normal.decode("ascii") if normal is not None else ""
    if not _HOST.fullmatch(found):
        raise ValueError(f"{text!r} is not a host")
    return found.encode("ascii")


HOST = Kind("host", _host)
FIELD = _of_pattern(_FIELD, "a field name")
PATTERN = Kind("path pattern", parse_pattern)
CONTENT = Kind("contentId", _content)
PARAMETER = Kind("parameter", _parameter)


def _origin(text: str) -> bytes:
    if text in ("*", "off"):
        return text.encode()
    if not _ORIGIN.fullmatch(text.lower()):
        raise ValueError(f"{text!r} is not *, off or an origin such as https://www.example.org")
    return text.lower().encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSettings:
    """A route: its match and its settings; None or empty leaves the setting of the node in force."""

    path: tuple[PathPattern, ...] = setting(
        PATTERN, None, "Paths: a folder `/posters/`, a glob `/cdn/*/*/posters/*.jpg`, a name `*.m3u8`.", many=True
    )
    host: tuple[bytes, ...] = setting(HOST, None, "Hosts, also `*.example.org` (general profile).", many=True)
    content: tuple[bytes, ...] = setting(CONTENT, None, "Titles by contentId (media profile).", many=True)
    query: tuple[bytes, ...] = setting(
        PARAMETER, None, "Parameters in the cache key and sent upstream: `none`, `all`, or names.", many=True
    )
    query_except: tuple[bytes, ...] = setting(
        PARAMETER, None, "Parameters left out of the cache key; all others are in it.", many=True
    )
    query_order: str | None = setting(
        choice("sent", "name"), None, "Whether the cache key has parameters as sent or ordered by name."
    )
    key_host: bool | None = setting(
        SWITCH, None, "Whether the host is in the cache key (general profile); off sends the upstream's own name."
    )
    key_fields: tuple[bytes, ...] = setting(
        FIELD, None, "Request fields in the cache key, sent upstream as in the key.", many=True
    )
    forward: tuple[bytes, ...] = setting(
        FIELD, None, "Request fields sent upstream: `none`, `all`, or names.", many=True
    )
    default_ttl: float | None = setting(DURATION, None, "How long a 200 without explicit freshness is kept.", most=YEAR)
    negative_ttl: float | None = setting(DURATION, None, "How long a 404 or 410 is kept at most.", most=86400)
    stale_while_revalidate: float | None = setting(
        DURATION, None, "How long a stale response is served while it is revalidated, unless it says so itself.",
        most=YEAR,
    )  # fmt: skip
    stale_if_error: float | None = setting(
        DURATION,
        None,
        "How long a stale response is served if the upstream fails, unless it says so itself.",
        most=YEAR,
    )
    set_cookie: str | None = setting(
        choice("strip", "keep", "pass"),
        None,
        "What happens to Set-Cookie in a response that may be stored (general profile).",
    )
    slice: int | None = setting(
        SIZE, None, "Size of the slices in which large objects are cached.", least=MIN_SLICE, most=MAX_SLICE
    )
    slice_over: int | None = setting(SIZE, None, "Objects larger than this are cached in slices; 0: none are.")
    token: str | None = setting(
        choice("node", "required", "off"), None, "Whether a token is required: as --tokens says, always, or never."
    )
    cors: tuple[bytes, ...] = setting(
        Kind("*|off|origin", _origin),
        None,
        "Origins whose pages may read the response; off keeps the upstream's fields.",
        many=True,
    )
    keep: str | None = setting(choice("normal", "never"), None, "never: no response is stored.")

    def __post_init__(self) -> None:
        """Check combinations of keys. Raises BadSettings naming the key."""
        for name, words in (("query", ("none", "all")), ("forward", ("none", "all")), ("cors", ("*", "off"))):
            given = getattr(self, name)
            alone = [word for word in words if word.encode() in given]
            if alone and len(given) > 1:
                raise BadSettings(name, f"`{alone[0]}` stands alone")
        if self.query and self.query_except:
            raise BadSettings("query_except", "stands beside `query`: one of the two says what is keyed")
        if self.host and self.key_host is False:
            raise BadSettings("key_host", "a route that is chosen by host must key it")
        for name in ("forward", "key_fields"):
            for field in getattr(self, name):
                if field in NEVER_UPSTREAM or field in ANSWERED_HERE or is_cmcd(field) or is_override(field):
                    raise BadSettings(
                        name, f"`{field.decode()}` is made or answered by the edge, or never sent upstream"
                    )

    def fits(self, profile: str) -> None:
        """Check keys that only one profile allows. Raises BadSettings naming the key."""
        if profile == "general":
            if self.content:
                raise BadSettings("content", "only the media profile has titles")
            if self.token == "required":  # noqa: S105 (a word of the setting)
                raise BadSettings("token", "only the media profile has titles to hold tokens for")
            return
        if self.set_cookie is not None:
            raise BadSettings(
                "set_cookie", "the media profile gives nobody a Set-Cookie and keeps no response with one"
            )
        if self.host:
            raise BadSettings("host", "the media profile serves every host alike")
        if self.key_host is not None:
            raise BadSettings("key_host", "the media profile serves every host alike")
        if not all(map(_any_region, self.path)):
            raise BadSettings(
                "path", "begins with /cdn/*/: the region is no part of the key, so no route tells it apart"
            )
        for name in ("forward", "key_fields"):
            if OF_ONE_VIEWER.intersection(getattr(self, name)):
                raise BadSettings(name, "authorization and cookie may hold the edge's own token and go no further")


def _any_region(pattern: PathPattern) -> bool:
    """Whether a path's first two segments are `cdn` and any region."""
    first = pattern.head[:2]
    return all(one.any or (place == 0 and one.matches(b"cdn")) for place, one in enumerate(first))
