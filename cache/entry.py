"""What is known of a stored response: times, validators, the head made ready; the body where it is.

Times are on the monotonic clock (seconds): `born` is the moment when its age was 0. On disk they are wall times.
Over 300 lines because all that is known of a response is one class.
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
"""Bytes that an object costs in RAM beside its body: counted against the budget."""

FIELD_OVERHEAD_BYTES = 180
"""Bytes that a field costs in RAM beside its line, while the object is warm: the pair, and its part of a ready head."""

_NOT_STORED = frozenset((b"age", b"content-length", b"cache-status", b"cdn-loop", b"proxy-authentication-info"))
_OF_THE_BODY = frozenset((b"content-length", b"content-encoding", b"content-range"))
Vary = tuple[tuple[bytes, bytes | None], ...]
"""An alternate: the request's values of the fields that the response varies by."""
_REFERENCES = frozenset((b"location", b"content-location", b"link"))
Windows = tuple[float, float, bool]
"""Seconds that it may be used when stale while it is revalidated, and after an error; must-revalidate."""
NO_WINDOWS: Windows = (0.0, 0.0, False)
INDEXED = (
    "key", "status", "length", "vary", "surrogates", "written", "age", "fresh", "windows", "slice", "mark",
)  # fmt: skip
"""What the head of a file and a line of the index beside the files both hold."""
_ANY_CASE = frozenset((b"accept-language", b"accept-encoding", b"accept-charset"))


@dataclass(slots=True)
class PreparedHead:
    """The head of a whole hit as it goes to viewers, good before `until` (mono), and what goes with it.

    `cut`: bytes of the cache key before the file's name, where `head` may follow a request for that name in one
    straight run; else -1. `record`: the end of such a request's line in the access log.
    """

    head: bytes
    until: float
    cut: int
    record: bytes


class StoredHead(NamedTuple):
    """What the head of a response told, and what is made of it: in RAM only while the object is warm."""

    fields: Fields
    block: bytes
    etag: bytes | None
    last_modified: bytes | None
    upstream_status: bytes | None
    had_age: bool
    has_references: bool


class Entry:
    """A stored (or just arriving) response; identity is the cache's, fields change only by `freshen`.

    An entry that is only on disk is `cold`: what its head told lies in its file, and here only what looking up,
    eviction and purge ask. Millions of them are held; think of their bytes before you add a slot.
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

    # -- what the head told ------------------------------------------------------------------------------------

    @property
    def cold(self) -> bool:
        """Whether fields, validators and all that is made of them are only in its file: see `SegmentCache.warmed`."""
        return self._stored_head is None

    @property
    def stored_head(self) -> StoredHead:
        """Bug when it is cold."""
        if self._stored_head is None:
            raise Bug(f"what {self.key!r} told lies on disk: it had to be warmed first")
        return self._stored_head

    @property
    def fields(self) -> Fields:
        """End-to-end fields."""
        return self.stored_head.fields

    @property
    def block(self) -> bytes:
        """The same as they are sent."""
        return self.stored_head.block

    @property
    def etag(self) -> bytes | None:
        """ETag as it came."""
        return self.stored_head.etag

    @property
    def last_modified(self) -> bytes | None:
        """Last-Modified as it came."""
        return self.stored_head.last_modified

    @property
    def upstream_status(self) -> bytes | None:
        """Cache-Status of the caches behind us."""
        return self.stored_head.upstream_status

    @property
    def had_age(self) -> bool:
        """Whether it came with an Age."""
        return self.stored_head.had_age

    @property
    def has_references(self) -> bool:
        """Whether it has redirects or links, which may read otherwise to each viewer."""
        return self.stored_head.has_references

    def set_fields(self, fields: Fields) -> None:
        """Take over the end-to-end fields of a response; what is derived of them is made anew."""
        kept = end_to_end(fields, _NOT_STORED)
        via = b", ".join(values(fields, b"cache-status")) or None
        self._stored_head = _make_stored_head(kept, via, had_age=bool(values(fields, b"age")))
        self.surrogates = intern(parse_surrogate_keys(b" ".join(values(kept, b"surrogate-key"))))
        self.prepared = None

    def load_head(self, head: Mapping[str, object]) -> None:
        """Take what the head of its file told; KeyError, TypeError or ValueError when the head is not ours."""
        self._stored_head = _stored_head_from_disk(head)
        self.prepared = None

    def release_head(self) -> None:
        """Its file has all of it: let go what the index does not need."""
        self._stored_head = None
        self.prepared = None
        self.vary = intern(self.vary)

    def set_times(self, verdict: Verdict, now: float) -> None:
        """The freshness of a response that arrived at `now` (mono)."""
        self.born = now - verdict.age
        self.fresh_until = self.born + verdict.lifetime
        self.windows = intern((verdict.swr, verdict.sie, verdict.must_revalidate))
        self.prepared = None

    @property
    def swr_until(self) -> float:
        """Until when it may be used stale while it is revalidated (RFC 5861 §3)."""
        return self.fresh_until + self.windows[0]

    @property
    def sie_until(self) -> float:
        """Until when it may stand in for an error (RFC 5861 §4)."""
        return self.fresh_until + self.windows[1]

    @property
    def must_revalidate(self) -> bool:
        """Whether it is never used stale (RFC 9111 §5.2.2.2)."""
        return self.windows[2]

    def set_vary(self, request: Mapping[bytes, bytes]) -> None:
        """Remember the request's values of the fields that Vary names (RFC 9111 §4.1)."""
        names = sorted({name.lower() for name in members(values(self.fields, b"vary"))})
        self.vary = intern(tuple((name, normalised(name, request.get(name))) for name in names))

    def matches(self, request: Mapping[bytes, bytes]) -> bool:
        """Whether this alternate answers the request."""
        return all(normalised(name, request.get(name)) == value for name, value in self.vary)

    def freshen(self, fields: Fields, verdict: Verdict, now: float) -> None:
        """A 304 (or HEAD) said that the body still holds: its fields replace ours (RFC 9111 §3.2, §4.3.4).

        Content-Length, Content-Encoding and Content-Range say how the body we have is to be read, and stay. Where the
        304 forbids to keep the response (no-store, private), it serves those who wait now and is stale for all others.
        """
        news = end_to_end(fields, _OF_THE_BODY | verdict.unstored_fields)
        replaced = {name for name, _ in news} | verdict.unstored_fields
        self.set_fields([pair for pair in self.fields if pair[0] not in replaced] + news)
        self.set_times(verdict, now)
        if not verdict.keeps:
            self.make_stale(now)

    def make_stale(self, now: float) -> None:
        """Its freshness ends now; what it may be used for when stale counts from now, no longer than it ever did.

        Its age grows by the freshness it loses: by Age every cache behind us sees that it is stale (RFC 9111 §4.2.3).
        """
        early = self.fresh_until - now
        if early > 0:
            self.born -= early
            self.fresh_until = now
        self.prepared = None

    def clear_windows(self) -> None:
        """It may not be used when stale, for nothing."""
        self.windows = NO_WINDOWS

    @property
    def cost(self) -> int:
        """Bytes counted against a tier's budget; the body of a whole in slices counts where they are."""
        body = 0 if self.slice else self.length or 0
        return (
            body
            + len(self.key)
            + OBJECT_OVERHEAD_BYTES
            + (len(self._stored_head.block) if self._stored_head is not None else 0)
        )

    @property
    def warm_cost(self) -> int:
        """Bytes that it takes in RAM while it is warm: what its fields are made of counts as well."""
        return self.cost + (
            FIELD_OVERHEAD_BYTES * len(self._stored_head.fields) if self._stored_head is not None else 0
        )

    def to_index(self, now: Instant) -> dict[str, object]:
        """What looking up, eviction and purge need of it at the next start, by the names of `INDEXED`.

        Times are wall times there."""
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
        """What the head of its file holds: the same, and what the response told."""
        return self.to_index(now) | {"fields": self.fields, "via": self.upstream_status}

    @classmethod
    def from_disk(cls, head: Mapping[str, object], now: Instant) -> Entry:
        """The cold entry of a file's head; KeyError, TypeError or ValueError when it is none of ours."""
        return cls.from_line([head[one] for one in INDEXED], now)

    @classmethod
    def from_line(cls, line: Sequence[Any], now: Instant) -> Entry:
        """The cold entry of what `to_index` said, in the order of `INDEXED`; TypeError or ValueError when it is none
        of ours."""
        key, status, length, vary, surrogates, written, age, fresh, windows, size, mark = line
        made = cls(bytes(key), int(status), None, int(length))
        made.vary = intern(vary_of(vary)) if vary else ()
        made.surrogates = intern(tuple(map(bytes, surrogates))) if surrogates else ()
        # A wall clock that stepped back must not make an object younger than it was when it was written.
        made.born = now.mono - (float(age) + max(0.0, now.wall - float(written)))
        made.fresh_until = made.born + float(fresh)
        made.windows = intern(_windows(*windows))
        made.slice = int(size)
        made.mark = intern(bytes(mark)) if mark else b""
        return made


def vary_of(stored: Any) -> Vary:
    """An alternate as it was written; TypeError or ValueError when it is none of ours."""
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
    """A request field's value for comparison by Vary: no whitespace around commas, tags in one case.

    Their order stays: of two languages with the same weight many servers take the first (RFC 9110 §12.5.4).
    """
    if value is None:
        return None
    if b"," in value:
        value = b",".join(part.strip(b" \t") for part in value.split(b","))
    return value.lower() if name in _ANY_CASE else value
