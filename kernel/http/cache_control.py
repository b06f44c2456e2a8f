"""Cache-Control (RFC 9111 §5.2) and CDN-Cache-Control (RFC 9213) as dictionaries of directives."""

from __future__ import annotations

import re
from collections.abc import Iterable

MAX_SECONDS = 1 << 31
"""A delta-seconds at or above this counts as this (RFC 9111 §1.2.2)."""

Directives = dict[bytes, bytes | None]
"""Lower-case directive -> its argument without quotes, None when it has none. The first of a repeated one counts; of
`no-cache` and `private` the strictest does: once without fields beats any list of fields."""

_WITH_FIELDS = frozenset((b"no-cache", b"private"))

# Possessive: no part gives up what the next could take, so that whatever a viewer repeats is looked at once.
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_QUOTED = rb"\"(?P<quoted>(?:[^\"\\]|\\.)*+)\""
_PLAIN = rb"(?P<plain>[^,\" \t]*+(?:[ \t]++[^,\" \t]++)*+)"
_DIRECTIVE = re.compile(
    rb"[ \t]*+(?:(?P<name>" + _TOKEN + rb")(?:=(?:" + _QUOTED + b"|" + _PLAIN + rb"))?+[ \t]*+)?(?:,|$)"
)
_UNREADABLE = re.compile(rb"[ \t]*+(" + _TOKEN + rb")")
_SECONDS = re.compile(rb"\d+")

# RFC 8941 dictionary members, no more than RFC 9213 needs of them: key, optional item, parameters.
_SF_KEY = rb"[a-z*][a-z0-9_.*-]*"
_SF_ITEM = (
    rb"(?:(?P<integer>-?\d{1,15})(?![\d.])|(?P<decimal>-?\d{1,12}\.\d{1,3})|\"(?P<string>(?:[ !#-\[\]-~]|\\[\"\\])*)\""
    rb"|\?(?P<boolean>[01])|(?P<token>[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*)|:(?P<binary>[A-Za-z0-9+/=]*):)"
)
_SF_BARE = (
    rb"(?:-?\d[\d.]*|\"(?:[ !#-\[\]-~]|\\[\"\\])*\"|\?[01]|[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*|:[A-Za-z0-9+/=]*:)"
)
_SF_PARAMETER = rb"(?:;[ ]*" + _SF_KEY + rb"(?:=" + _SF_BARE + rb")?)*"
_SF_INNER = rb"(?P<list>\([ ]*(?:" + _SF_BARE + _SF_PARAMETER + rb"(?:[ ]+|(?=\))))*\))"
_SF_MEMBER = re.compile(
    rb"(?P<key>" + _SF_KEY + rb")(?:=(?:" + _SF_ITEM + rb"|" + _SF_INNER + rb"))?" + _SF_PARAMETER + rb"[ \t]*"
)


def parse_directives(values: Iterable[bytes]) -> Directives:
    """The directives of all Cache-Control lines.

    A directive that cannot be parsed counts by its name with an empty argument: `max-age =60` makes the response stale
    (RFC 9111 §4.2.1), `no-store x` prevents storing.
    """
    found: Directives = {}
    listed: dict[bytes, list[bytes]] = {}
    for value in values:
        at = 0
        while at < len(value):
            match = _DIRECTIVE.match(value, at)
            if match is None:
                if named := _UNREADABLE.match(value, at):
                    _enter(found, listed, named[1].lower(), b"")
                at = value.find(b",", at) + 1
                if at == 0:
                    break
                continue
            at = match.end()
            if match["name"]:
                argument = match["plain"] if match["quoted"] is None else match["quoted"]
                _enter(found, listed, match["name"].lower(), argument)
            elif at == match.start():
                break
    for name, several in listed.items():
        if found[name] is not None:
            found[name] = b",".join(several)
    return found


def _enter(found: Directives, listed: dict[bytes, list[bytes]], name: bytes, argument: bytes | None) -> None:
    """One more directive: lists of fields add up in `listed`, an empty one counts as no list (the safe reading)."""
    if name not in _WITH_FIELDS:
        found.setdefault(name, argument)
        return
    fields = (argument or b"").strip(b" \t,") or None
    found[name] = None if fields is None else found.get(name, fields)
    if fields is not None:
        listed.setdefault(name, []).append(fields)


def seconds(directives: Directives, name: bytes) -> int | None:
    """A directive's delta-seconds; None when it is absent, 0 when it is there but no number (RFC 9111 §4.2.1)."""
    if name not in directives:
        return None
    argument = directives[name]
    if argument is None or not _SECONDS.fullmatch(argument):
        return 0
    digits = argument.lstrip(b"0")
    return MAX_SECONDS if len(digits) > 10 else min(int(digits or b"0"), MAX_SECONDS)


def parse_targeted(values: Iterable[bytes]) -> Directives | None:
    """CDN-Cache-Control's directives; None when there is none or it must be ignored whole (RFC 9213 §2.1).

    A parse failure, a member of the wrong type or an empty dictionary makes the field count for nothing.
    """
    value = b", ".join(values).strip(b" ")
    found: dict[bytes, bytes] = {}
    at = 0
    while at < len(value):
        match = _SF_MEMBER.match(value, at)
        if match is None:
            return None
        found[match["key"]] = _argument(match)
        at = match.end()
        if at < len(value):
            if value[at : at + 1] != b",":
                return None
            at += 1
            while value[at : at + 1] in (b" ", b"\t"):
                at += 1
            if at == len(value):
                return None  # a trailing comma
    if not found or not _types_are_right(found):
        return None
    return {name: _told(name, argument) for name, argument in found.items() if argument != b"?0"}


_NUMBERS = frozenset((b"max-age", b"s-maxage", b"stale-while-revalidate", b"stale-if-error"))
_FLAGS = frozenset((b"no-store", b"must-revalidate", b"public", b"must-understand", b"proxy-revalidate", b"immutable"))


def _argument(match: re.Match[bytes]) -> bytes:
    if match["integer"] is not None:
        return match["integer"]
    if match["boolean"] is not None:
        return b"?" + match["boolean"]
    if match["string"] is not None:
        return b'"' + match["string"] + b'"'
    for kind in ("decimal", "token", "binary", "list"):
        if match[kind] is not None:
            return b"(" + match[kind] + b")"  # no number, no flag, no string: the wrong type for all that is known here
    return b"?1"


def _types_are_right(found: dict[bytes, bytes]) -> bool:
    for name, argument in found.items():
        if name in _NUMBERS and not argument.isdigit():
            return False
        if name in _FLAGS and argument not in (b"?0", b"?1"):
            return False
        if name in _WITH_FIELDS and argument[:1] not in (b"?", b'"'):
            return False
    return True


def _told(name: bytes, argument: bytes) -> bytes | None:
    """A member as a directive: true is a flag; the field names of a string stand without its quotes."""
    if argument == b"?1" or (name in _WITH_FIELDS and not argument.strip(b'" ,')):
        return None
    return argument.strip(b'"') if name in _WITH_FIELDS else argument
