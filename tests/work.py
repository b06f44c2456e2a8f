"""How much a parser does with a text: lines of Python, steps of patterns, bytes that methods of the text look at.

Time on a busy machine proves nothing; these are the same at every run. The text that is given in knows what is asked of
it (`find`, a slice, `+`, …), as does what is cut from it; patterns run in the machine of `tests.backtracking` beside
the real one. Not seen: what C code does with a text that was joined or decoded anew (json, expat, int): there the
bounds of the parser itself count.
"""

from __future__ import annotations

import re
import sys

from kernel.errors import MatineeError
from tests.backtracking import MOST_STEPS, Steps, TooManySteps

PACKAGES = ("kernel", "cache", "rpc", "edge", "origin", "control", "services")


class Work:
    """The count of one measurement."""

    done = 0


def _spent(name, text, arguments, result):
    """Letters that a method of a text looked at."""
    if name in ("startswith", "endswith"):
        first = arguments[0]
        return max(map(len, first)) if isinstance(first, tuple) else len(first)
    if name in ("find", "rfind", "index", "rindex", "count"):
        start, end = (*arguments[1:], *(0, len(text))[len(arguments[1:]) :])[:2]
        start = max(0, start if start is not None and start >= 0 else len(text) + (start or 0))
        end = min(len(text), end if end is not None and end >= 0 else len(text))
        if name == "find" and result >= 0:
            return result - start + 1
        return end - result if name == "rfind" and result >= 0 else max(0, end - start)
    return len(text) + (len(result) if isinstance(result, (str, bytes)) else 0)


def watched(value):
    """The value, whose texts count what is done with them."""
    kind = type(value)
    if kind is str:
        return WatchedStr(value)
    if kind is bytes:
        return WatchedBytes(value)
    if kind in (list, tuple):
        return kind(map(watched, value))
    return value


def _method(base, name):
    plain = getattr(base, name)

    def call(self, *arguments, **named):
        result = plain(self, *arguments, **named)
        Work.done += _spent(name, self, arguments, result)
        return watched(result)

    return call


def _item(base):
    def call(self, which):
        result = base.__getitem__(self, which)
        Work.done += len(result) if isinstance(which, slice) else 1
        return watched(result)

    return call


def _sum(base, *, right):
    def call(self, other):
        if right and not isinstance(other, base):
            return NotImplemented  # a bytearray that grows in place
        result = base.__add__(other, self) if right else base.__add__(self, other)
        Work.done += len(result)
        return watched(result)

    return call


SEEN = frozenset(
    ("find", "rfind", "index", "rindex", "count", "startswith", "endswith", "split", "rsplit", "splitlines",
     "partition", "rpartition", "strip", "lstrip", "rstrip", "replace", "lower", "upper", "title", "casefold",
     "swapcase", "removeprefix", "removesuffix", "isdigit", "isalnum", "isalpha", "isspace", "isascii", "encode",
     "isprintable", "isdecimal", "decode", "translate", "__contains__", "__iter__", "__hash__", "__eq__", "__mod__")
)  # fmt: skip


def _watching(base):
    made = {name: _method(base, name) for name in SEEN if hasattr(base, name)}
    made |= {"__getitem__": _item(base), "__add__": _sum(base, right=False), "__radd__": _sum(base, right=True)}
    return type(f"Watched{base.__name__.title()}", (base,), made)


WatchedStr, WatchedBytes = _watching(str), _watching(bytes)


class CountingMatch:
    """A match whose groups are watched."""

    def __init__(self, match):
        self._match = match

    def __getitem__(self, which):
        return watched(self._match[which])

    def group(self, *which):
        """See re.Match."""
        return watched(self._match.group(*which))

    def groups(self, default=None):
        """See re.Match."""
        return watched(self._match.groups(default))

    def __getattr__(self, name):
        return getattr(self._match, name)


class CountingPattern:
    """A pattern that counts the steps it takes, and answers as the real one."""

    def __init__(self, pattern):
        self._pattern = pattern
        self._steps = Steps(pattern)

    def _count(self, text, at=0, end=None, *, whole=False, every=None):
        before, self._steps.count = self._steps.count, 0
        plain = bytes(text) if isinstance(text, (bytes, bytearray)) else str(text)
        end = len(plain) if end is None else min(end, len(plain))
        try:
            if every is None:
                self._steps.match(plain, at, end, whole=whole)
            while every is not None and at <= end and (found := self._steps.search(plain, at, end)) is not None:
                at = found[1] + (found[0] == found[1])
                if not every:
                    break
        except TooManySteps:
            self._steps.count = MOST_STEPS
        Work.done += self._steps.count
        self._steps.count += before

    def match(self, text, *where):
        """See re.Pattern."""
        self._count(text, *where)
        found = self._pattern.match(text, *where)
        return found and CountingMatch(found)

    def fullmatch(self, text, *where):
        """See re.Pattern."""
        self._count(text, *where, whole=True)
        found = self._pattern.fullmatch(text, *where)
        return found and CountingMatch(found)

    def search(self, text, *where):
        """See re.Pattern."""
        self._count(text, *where, every=False)
        found = self._pattern.search(text, *where)
        return found and CountingMatch(found)

    def findall(self, text, *where):
        """See re.Pattern."""
        self._count(text, *where, every=True)
        return watched(self._pattern.findall(text, *where))

    def finditer(self, text, *where):
        """See re.Pattern."""
        self._count(text, *where, every=True)
        return map(CountingMatch, self._pattern.finditer(text, *where))

    def sub(self, by, text, count=0):
        """See re.Pattern."""
        self._count(text, every=True)
        return watched(self._pattern.sub(by, text, count))

    def split(self, text, most=0):
        """See re.Pattern."""
        self._count(text, every=True)
        return watched(self._pattern.split(text, most))

    def __getattr__(self, name):
        return getattr(self._pattern, name)


class CountingRe:
    """`re` for modules that call it with a pattern in place."""

    def __getattr__(self, name):
        return getattr(re, name)


def _in_place(name):
    def call(_, pattern, *arguments, flags=0):
        if name in ("match", "fullmatch", "search") and len(arguments) > 1:
            *arguments, flags = arguments
        return getattr(CountingPattern(re.compile(pattern, flags)), name)(*arguments)

    return call


for _name in ("match", "fullmatch", "search", "findall", "finditer", "sub", "split"):
    setattr(CountingRe, _name, _in_place(_name))


def count_patterns(monkeypatch):
    """Put counting patterns in the place of all that our modules hold."""
    known = {}

    def counting(value):
        if isinstance(value, re.Pattern):
            return known.setdefault(value, CountingPattern(value))
        return CountingRe() if value is re else value

    for name, module in list(sys.modules.items()):
        if module is None or name.partition(".")[0] not in PACKAGES:
            continue
        for own, value in list(vars(module).items()):
            if isinstance(value, re.Pattern) or value is re:
                monkeypatch.setattr(module, own, counting(value))
            elif isinstance(value, tuple) and any(isinstance(one, re.Pattern) for one in value):
                monkeypatch.setattr(module, own, tuple(map(counting, value)))


def work_of(parse, text):
    """What `parse` does with a text, whether it takes it or refuses it. Only a parser's own errors are a refusal."""
    Work.done = 0
    own = (__file__, Steps.match.__code__.co_filename, re.__file__)

    def lines(frame, event, _):
        Work.done += event == "line"
        return lines

    def calls(frame, *_):
        return None if frame.f_code.co_filename in own else lines

    given = watched(text)
    before = sys.gettrace()
    sys.settrace(calls)
    try:
        parse(given)
    except (ValueError, LookupError, RecursionError, MatineeError):
        pass
    finally:
        sys.settrace(before)
    return Work.done
