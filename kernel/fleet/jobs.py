"""Purge and prefetch jobs: one form for an edge's admin API, control's API and the job log. Pure.

Control checks a job with the same code as the edges, so every edge understands what `parse_purge` accepts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from kernel.documents import BadDocument, kind_of, parse_object, shown
from kernel.http.paths import MAX_TARGET_LENGTH, normalise_any
from kernel.vocabulary import Refusal

MAX_NAMES = 100_000
"""Keys, urls and prefixes of one purge at an edge."""
MAX_URLS = 10_000
"""Of one prefetch."""
MAX_KEY_LENGTH = 1_024
_LISTS = ("keys", "urls", "prefixes")
_FLAGS = ("all", "soft")


class TooManyNames(BadDocument):
    """More than may be in one job."""


class NothingNamed(BadDocument):
    """A purge of nothing."""


class NoUrl(BadDocument):
    """A URL that no edge can have cached."""


@dataclass(frozen=True, slots=True)
class Purge:
    """The union of everything named; `keys` are surrogate keys. `soft`: mark stale instead of removing."""

    keys: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    all: bool = False
    soft: bool = False

    @property
    def names(self) -> int:
        """How many keys, urls and prefixes."""
        return len(self.keys) + len(self.urls) + len(self.prefixes)


@dataclass(frozen=True, slots=True)
class Prefetch:
    """URLs whose objects are to be brought."""

    urls: tuple[str, ...]


def parse_purge(value: object, most: int = MAX_NAMES) -> Purge:
    """Parse a purge. Raises BadDocument naming the place, or its subclasses TooManyNames, NothingNamed, NoUrl."""
    members = parse_object(value, "", (*_LISTS, *_FLAGS))
    keys, urls, prefixes = (_texts(members.get(name, []), name) for name in _LISTS)
    everything, soft = (_flag(members.get(name, False), name) for name in _FLAGS)
    purge = Purge(keys, urls, prefixes, everything, soft)
    if purge.names > most:
        raise TooManyNames("", f"at most {most} names in one purge")
    if not (purge.names or purge.all):
        raise NothingNamed("", "name keys, urls or prefixes, or say all")
    for at, key in enumerate(purge.keys):
        if not _is_key(key):
            raise BadDocument(
                f"keys[{at}]", f"{shown(key)} is no surrogate key: {MAX_KEY_LENGTH} visible letters at most"
            )
    for name, given in (("urls", purge.urls), ("prefixes", purge.prefixes)):
        _check_urls(name, given, whole=name == "urls")
    return purge


def parse_prefetch(value: object, most: int = MAX_URLS) -> Prefetch:
    """Parse a prefetch. Raises BadDocument, TooManyNames or NoUrl."""
    members = parse_object(value, "", ("urls",))
    if "urls" not in members:
        raise BadDocument("urls", "is missing")
    urls = _texts(members["urls"], "urls")
    if len(urls) > most:
        raise TooManyNames("urls", f"at most {most} in one prefetch")
    _check_urls("urls", urls, whole=True)
    return Prefetch(urls)


def content_of(job: Purge | Prefetch) -> bytes:
    """The JSON of a job, as short as it can be, the same for the same job."""
    members: dict[str, object] = {name: list(given) for name in _LISTS if (given := getattr(job, name, ()))}
    members |= {name: True for name in _FLAGS if getattr(job, name, False)}
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()


def merged(purges: Iterable[Purge], most: int) -> list[Purge]:
    """As few purges as reach the same: one or more hard, then one or more soft, each with at most `most` names."""
    listed = list(purges)
    return [one for soft in (False, True) for one in _merged([p for p in listed if p.soft is soft], most, soft=soft)]


def _merged(purges: Sequence[Purge], most: int, *, soft: bool) -> list[Purge]:
    if any(purge.all for purge in purges):
        return [Purge(all=True, soft=soft)]
    named = dict.fromkeys((name, one) for purge in purges for name in _LISTS for one in getattr(purge, name))
    rows, made = list(named), []
    for at in range(0, len(rows), most):
        part = rows[at : at + most]
        keys, urls, prefixes = (tuple(one for of, one in part if of == name) for name in _LISTS)
        made.append(Purge(keys, urls, prefixes, soft=soft))
    return made


def _texts(value: object, name: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise BadDocument(name, f"must be a list, not {kind_of(value)}")
    for at, one in enumerate(value):
        if not isinstance(one, str):
            raise BadDocument(f"{name}[{at}]", f"must be a text, not {kind_of(one)}")
    return tuple(value)


def _flag(value: object, name: str) -> bool:
    if not isinstance(value, bool):
        raise BadDocument(name, f"must be true or false, not {kind_of(value)}")
    return value


def _is_key(key: str) -> bool:
    return 0 < len(key) <= MAX_KEY_LENGTH and key.isascii() and key.isprintable() and " " not in key


def _check_urls(name: str, urls: Sequence[str], *, whole: bool) -> None:
    """`whole`: URLs or paths; else beginnings of such, of which the last part may be cut anywhere."""
    for at, url in enumerate(urls):
        if not (_is_url(url) if whole else _begins_url(url)):
            raise NoUrl(f"{name}[{at}]", f"{url[:200]!r} is not a URL or path that an edge can hold")


def _is_url(url: str) -> bool:
    if not url.isascii() or len(url) > MAX_TARGET_LENGTH:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.netloc and parts.scheme.lower() not in ("http", "https"):
        return False
    if not parts.netloc and not url.startswith("/"):
        return False
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return not isinstance(normalise_any(target.encode()), Refusal)


def _begins_url(url: str) -> bool:
    """A beginning may end within an escape, or in the middle of a name; media paths may leave `/cdn/<region>/` away."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.netloc or parts.path) and url.isascii() and url.isprintable() and " " not in url
