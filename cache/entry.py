"""A stored response: key, freshness, validators, Vary, surrogate keys, prepared head, and where its body is. Pure.

Times are monotonic seconds; `born` is the moment when the age was 0. On disk they are wall-clock times.
Over 300 lines because everything known of a response is one class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from cache.body import Body
from cache.interning import intern
from cache.surrogates import parse_surrogate_keys
from kernel.clock import Instant
from kernel.errors import Bug
from kernel.http.freshness import Verdict
from kernel.http.message import Fields, end_to_end, first, members, serialise, values

OBJECT_OVERHEAD_BYTES = 600
"""Bytes of RAM that an object takes besides its body; counted against the budget."""

FIELD_OVERHEAD_BYTES = 180
"""Bytes of RAM that a field of a warm object takes besides its line: the pair, and its part of the prepared head."""

_NOT_STORED = frozenset((b"age", b"content-length", b"cache-status", b"cdn-loop", b"proxy-authentication-info"))
_OF_THE_BODY = frozenset((b"content-length", b"content-encoding", b"content-range"))
Vary = tuple[tuple[bytes, bytes | None], ...]
"""What identifies an alternate: (name, request value) of the fields that Vary names."""
_REFERENCES = frozenset((b"location", b"content-location", b"link"))
Windows = tuple[float, float, bool]
"""(stale-while-revalidate seconds, stale-if-error seconds, must-revalidate)."""
NO_WINDOWS: Windows = (0.0, 0.0, False)
INDEXED = (
    "key", "status", "length", "vary", "surrogates", "written", "age", "fresh", "windows", "slice", "mark",
)  # fmt: skip
"""The members that both the head of an object file and a line of the disk index hold."""
_ANY_CASE = frozenset((b"accept-language", b"accept-encoding", b"accept-charset"))


@dataclass(slots=True)
class PreparedHead:
    """The response head of a full hit as it is sent, valid before `until` (monotonic seconds).

    `cut`: bytes of the cache key before the file name if the fast path may answer with `head`; else -1. `record`: the
    end of the access log line of such a request.
    """

    head: bytes
    until: float
    cut: int
    record: bytes


class StoredHead(NamedTuple):
    """The parsed head of a response; in RAM only while the object is warm."""

    fields: Fields
    block: bytes
    etag: bytes | None
    last_modified: bytes | None
    upstream_status: bytes | None
    had_age: bool
    has_references: bool


class Entry:
    """A stored or arriving response. Entries compare by identity; their fields change only by `freshen`.

    A *cold* entry is only on disk: its head is in its file, and RAM holds only what lookup, eviction and purge need. A
    node holds millions of entries, so each slot costs megabytes.
    """

    __slots__ = (
        "_stored_head",
        "body",
        "born",
        "disk",
        "fresh_until",
        "key",
        "length",
        "mark",
        "prepared",
        "slice",
        "status",
        "surrogates",
        "vary",
        "windows",
    )

    def __init__(self, key: bytes, status: int, fields: Fields | None, length: int | None) -> None:
        """`fields` None: cold."""
        self.key = key
        self.status = status
        self.length = length
        self.body: Body | None = None
        self.disk: int | None = None  # the number of its file
        self.vary: Vary = ()
        self.surrogates: tuple[bytes, ...] = ()
        self.born = self.fresh_until = 0.0
        self.windows: Windows = NO_WINDOWS
        self.mark = b""  # of a whole in slices and of each of them: the strong ETag, else one made when it came
        self.slice = 0  # bytes of a slice where the body is kept in slices; see `cache.slices`
        self.prepared: PreparedHead | None = None
        self._stored_head: StoredHead | None = None
        if fields is not None:
            self.set_fields(fields)

    # -- the head ------------------------------------------------------------------------------------

    @property
    def cold(self) -> bool:
        """Whether fields, validators and all that is made of them are only in its file: see `SegmentCache.warmed`."""
        return self._stored_head is None

    @property
    def stored_head(self) -> StoredHead:
        """The parsed head. Raises Bug when the entry is cold."""
        if self._stored_head is None:
            raise Bug(f"the head of {self.key!r} is on disk: load it first")
        return self._stored_head

    @property
    def fields(self) -> Fields:
        """The end-to-end header fields."""
        return self.stored_head.fields

    @property
    def block(self) -> bytes:
        """The fields as header lines, ready to be sent."""
        return self.stored_head.block

    @property
    def etag(self) -> bytes | None:
        """The ETag as received."""
        return self.stored_head.etag

    @property
    def last_modified(self) -> bytes | None:
        """The Last-Modified as received."""
        return self.stored_head.last_modified

    @property
    def upstream_status(self) -> bytes | None:
        """The Cache-Status of upstream caches (RFC 9211), joined."""
        return self.stored_head.upstream_status

    @property
    def had_age(self) -> bool:
        """Whether the response arrived with an Age field."""
        return self.stored_head.had_age

    @property
    def has_references(self) -> bool:
        """Whether it has Location, Content-Location or Link, which may be rewritten for each viewer."""
        return self.stored_head.has_references

    def set_fields(self, fields: Fields) -> None:
        """Set the end-to-end fields of a response and everything derived from them."""
        kept = end_to_end(fields, _NOT_STORED)
        via = b", ".join(values(fields, b"cache-status")) or None
        self._stored_head = _make_stored_head(kept, via, had_age=bool(values(fields, b"age")))
        self.surrogates = intern(parse_surrogate_keys(b" ".join(values(kept, b"surrogate-key"))))
        self.prepared = None

    def load_head(self, head: Mapping[str, object]) -> None:
        """Set the head read from the file. Raises KeyError, TypeError or ValueError when it is malformed."""
        self._stored_head = _stored_head_from_disk(head)
        self.prepared = None

    def release_head(self) -> None:
        """Become cold: free what the file holds and the index does not need."""
        self._stored_head = None
        self.prepared = None
        self.vary = intern(self.vary)

    def set_times(self, verdict: Verdict, now: float) -> None:
        """Set the freshness of a response that arrived at `now` (monotonic seconds)."""
        self.born = now - verdict.age
        self.fresh_until = self.born + verdict.lifetime
        self.windows = intern((verdict.swr, verdict.sie, verdict.must_revalidate))
        self.prepared = None

    @property
    def swr_until(self) -> float:
        """End of stale-while-revalidate (RFC 5861 §3), monotonic seconds."""
        return self.fresh_until + self.windows[0]

    @property
    def sie_until(self) -> float:
        """End of stale-if-error (RFC 5861 §4), monotonic seconds."""
        return self.fresh_until + self.windows[1]

    @property
    def must_revalidate(self) -> bool:
        """Whether it must never be served stale (RFC 9111 §5.2.2.2)."""
        return self.windows[2]

    def set_vary(self, request: Mapping[bytes, bytes]) -> None:
        """Store the request values of the fields that Vary names (RFC 9111 §4.1)."""
        names = sorted({name.lower() for name in members(values(self.fields, b"vary"))})
        self.vary = intern(tuple((name, normalised(name, request.get(name))) for name in names))

    def matches(self, request: Mapping[bytes, bytes]) -> bool:
        """Whether this alternate answers the request."""
        return all(normalised(name, request.get(name)) == value for name, value in self.vary)

    def freshen(self, fields: Fields, verdict: Verdict, now: float) -> None:
        """Update from a 304 or HEAD response: its fields replace the stored ones (RFC 9111 §3.2, §4.3.4).

        Content-Length, Content-Encoding and Content-Range describe the stored body and stay. If the 304 forbids storing
        (no-store, private), the entry serves current waiters and is stale for everyone else.
        """
        news = end_to_end(fields, _OF_THE_BODY | verdict.unstored_fields)
        replaced = {name for name, _ in news} | verdict.unstored_fields
        self.set_fields([pair for pair in self.fields if pair[0] not in replaced] + news)
        self.set_times(verdict, now)
        if not verdict.keeps:
            self.make_stale(now)

    def make_stale(self, now: float) -> None:
        """End freshness at `now`; the stale windows start now and are never extended.

        The age grows by the freshness lost, so that Age shows downstream caches that it is stale (RFC 9111 §4.2.3).
        """
        early = self.fresh_until - now
        if early > 0:
            self.born -= early
            self.fresh_until = now
        self.prepared = None

    def clear_windows(self) -> None:
        """Forbid every use while stale."""
        self.windows = NO_WINDOWS

    @property
    def cost(self) -> int:
        """Bytes counted against a tier's budget. The body of a sliced object is counted at its slices."""
        body = 0 if self.slice else self.length or 0
        return (
            body
            + len(self.key)
            + OBJECT_OVERHEAD_BYTES
            + (len(self._stored_head.block) if self._stored_head is not None else 0)
        )

    @property
    def warm_cost(self) -> int:
        """Bytes it takes in RAM while warm, including its parsed fields."""
        return self.cost + (
            FIELD_OVERHEAD_BYTES * len(self._stored_head.fields) if self._stored_head is not None else 0
        )

    def to_index(self, now: Instant) -> dict[str, object]:
        """What lookup, eviction and purge need after a restart, by the names of `INDEXED`; times relative to the wall
        clock."""
        return {
            "key": self.key,
            "status": self.status,
            "length": self.length,
            "vary": self.vary,
            "surrogates": self.surrogates,
            "written": now.wall,
            "age": now.mono - self.born,
            "fresh": self.fresh_until - self.born,
            "windows": self.windows,
            "slice": self.slice,
            "mark": self.mark,
        }

    def to_disk(self, now: Instant) -> dict[str, object]:
        """The head of its object file: `to_index` plus the fields of the response."""
        return self.to_index(now) | {"fields": self.fields, "via": self.upstream_status}

    @classmethod
    def from_disk(cls, head: Mapping[str, object], now: Instant) -> Entry:
        """A cold entry from the head of an object file. Raises KeyError, TypeError or ValueError when it is
        malformed."""
        return cls.from_line([head[one] for one in INDEXED], now)

    @classmethod
    def from_line(cls, line: Sequence[Any], now: Instant) -> Entry:
        """A cold entry from a line of the disk index, in the order of `INDEXED`. Raises TypeError or ValueError when it
        is malformed."""
        key, status, length, vary, surrogates, written, age, fresh, windows, size, mark = line
        made = cls(bytes(key), int(status), None, int(length))
        made.vary = intern(vary_of(vary)) if vary else ()
        made.surrogates = intern(tuple(map(bytes, surrogates))) if surrogates else ()
        # A wall clock that stepped back must not make the object younger than when it was written.
        made.born = now.mono - (float(age) + max(0.0, now.wall - float(written)))
        made.fresh_until = made.born + float(fresh)
        made.windows = intern(_windows(*windows))
        made.slice = int(size)
        made.mark = intern(bytes(mark)) if mark else b""
        return made


def vary_of(stored: Any) -> Vary:
    """A Vary value read from disk. Raises TypeError or ValueError when it is malformed."""
    return tuple((bytes(name), value) for name, value in stored)


def _windows(swr: float, sie: float, must: bool) -> Windows:
    return float(swr), float(sie), bool(must)


def _make_stored_head(fields: Fields, via: bytes | None, *, had_age: bool) -> StoredHead:
    refers = any(name in _REFERENCES for name, _ in fields)
    etag, modified = first(fields, b"etag"), first(fields, b"last-modified")
    return StoredHead(fields, serialise(fields), etag, modified, via, had_age, refers)


def _stored_head_from_disk(head: Mapping[str, object]) -> StoredHead:
    fields = [(bytes(name), bytes(value)) for name, value in head["fields"]]  # type: ignore[attr-defined]
    via = head["via"]
    return _make_stored_head(fields, via if isinstance(via, bytes) else None, had_age=False)


def normalised(name: bytes, value: bytes | None) -> bytes | None:
    """A request field value, normalised for comparison by Vary: no whitespace around commas, language tags lowercased.

    The order stays: of two languages with equal weight many servers choose the first (RFC 9110 §12.5.4).
    """
    if value is None:
        return None
    if b"," in value:
        value = b",".join(part.strip(b" \t") for part in value.split(b","))
    return value.lower() if name in _ANY_CASE else value
