"""JSON documents from outside: parsed strictly; errors name the place.

Moments are ISO 8601 texts with an offset in documents and Unix seconds in the code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf, isfinite

MAX_BYTES = 256 << 20
MAX_DIGITS = 19
"""Digits of a whole number: more fit into no 64 bits, and into no database."""

_BROKEN = re.compile("[\0\ud800-\udfff]")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXACT = 2.0**53
_LAST = 253402300799.0  # 9999-12-31T23:59:59Z, what people write for "for ever"


class BadDocument(ValueError):
    """A document that is not in the agreed form: `path` names the place (`titles.film1.allow[0]`), `why` the reason."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}" if path else why)
        self.path = path
        self.why = why


def load_json(data: bytes, only: Collection[str] | None = None) -> object:
    """Parse JSON strictly. Raises BadDocument naming the place: for too much data, a repeated member, NaN, a number
    beyond 64 bits or a float, and a NUL or half a surrogate pair in a text.

    `only`: the members of the outermost object that are used; what the others hold is not looked at.
    """
    if len(data) > MAX_BYTES:
        raise BadDocument("", f"is larger than {MAX_BYTES >> 20} MiB")
    strange: list[_Strange] = []
    try:
        found = json.loads(
            data,
            object_pairs_hook=_members,
            parse_constant=lambda name: _note(strange, f"{name} is no JSON"),
            parse_int=lambda text: int(text) if len(text) <= MAX_DIGITS else _note(strange, _out_of_range(text)),
            parse_float=lambda text: _finite(strange, text),
        )
        # Half a pair and a NUL can only be written as an escape (RFC 8259 §7), or UTF-8 would not have been read.
        if strange or b"\\u" in data:
            _refuse_strange(found if only is None else _used(found, only))
    except BadDocument:
        raise
    except RecursionError:
        raise BadDocument("", "is nested too deeply") from None
    except ValueError as error:
        raise BadDocument("", f"is not valid JSON: {error}") from None
    return found


def _used(document: object, only: Collection[str]) -> object:
    return {name: document[name] for name in only if name in document} if isinstance(document, dict) else document


def whole_numbers(document: object) -> object:
    """The document with an int for each float that is whole, because JSON has one kind of number: 431.0 is 431.

    Floats from 2^53 on stay: not every int is among them.
    """
    if isinstance(document, float):
        return int(document) if document.is_integer() and abs(document) < _EXACT else document
    if isinstance(document, dict):
        return {name: whole_numbers(member) for name, member in document.items()}
    return [whole_numbers(item) for item in document] if isinstance(document, list) else document


@dataclass(frozen=True, slots=True)
class _Strange:
    """A placeholder for a value that is rejected as soon as its place is known."""

    why: str


def _note(strange: list[_Strange], why: str) -> _Strange:
    strange.append(_Strange(why))
    return strange[-1]


def _out_of_range(text: str) -> str:
    return f"the number {text[:24]}{'…' if len(text) > 24 else ''} is out of range"


def _finite(strange: list[_Strange], text: str) -> object:
    value = float(text)
    return value if isfinite(value) else _note(strange, _out_of_range(text))


def _refuse_strange(document: object) -> None:
    """Raises BadDocument for the first value that no document may have."""
    for path, value in _leaves(document, ""):
        if isinstance(value, _Strange):
            raise BadDocument(path, value.why)
        if isinstance(value, str) and is_broken(value):
            raise BadDocument(path, "has a NUL, or half of a surrogate pair")


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    """(place, value) of every value that is no object and no list, and of every member's name."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield path, name
            yield from _leaves(member, join(path, name[:80]))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _leaves(item, f"{path}[{at}]")
    else:
        yield path, value


def is_broken(text: str) -> bool:
    """Whether a text has a NUL or half a surrogate pair, which has no UTF-8 form."""
    return _BROKEN.search(text) is not None


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise BadDocument("", f"the member {shown(twice)} stands twice")
    return made


def parse_moment(value: object, path: str = "") -> float:
    """Unix seconds of an ISO 8601 date and time with its offset; the ends of the calendar are infinitely far."""
    if not isinstance(value, str):
        raise BadDocument(path, f"must be a date and time in ISO 8601, not {kind_of(value)}")
    if len(value) > 40 or "T" not in value.upper().replace(" ", "T", 1):
        raise BadDocument(path, f"{shown(value)} is not a date and time such as 2026-11-22T20:15:00+01:00")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise BadDocument(path, f"{shown(value)} is not a date and time such as 2026-11-22T20:15:00+01:00") from None
    if moment.tzinfo is None:
        raise BadDocument(path, f"{shown(value)} does not say its offset from UTC (Z or +01:00)")
    seconds = (moment - _EPOCH).total_seconds()
    if seconds >= _LAST:
        return inf
    return -inf if moment.year == 1 else seconds


def moment_text(seconds: float) -> str:
    """ISO 8601 in UTC of Unix seconds, to the microsecond; infinities become the ends of the calendar."""
    if seconds == inf:
        return "9999-12-31T23:59:59+00:00"
    if seconds == -inf:
        return "0001-01-01T00:00:00+00:00"
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()


def parse_object(value: object, path: str, members: Collection[str]) -> Mapping[str, object]:
    """`value` if it is a JSON object without members other than `members`. Raises BadDocument."""
    if not isinstance(value, Mapping):
        raise BadDocument(path, f"must be an object, not {kind_of(value)}")
    for name in value:
        if name not in members:
            raise BadDocument(join(path, str(name)[:80]), f"there is no such member; there are {', '.join(members)}")
    return value


def join(path: str, name: str) -> str:
    """The path of member `name` below `path`."""
    return f"{path}.{name}" if path else name


def kind_of(value: object) -> str:
    """The type of a JSON value, in words for an error message."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a text"
    return "a list" if isinstance(value, (list, tuple)) else "an object"


def shown(text: str) -> str:
    """A text from outside as an error may show it: quoted and not too long."""
    return repr(text if len(text) <= 60 else text[:60] + "…")
