"""What is known of a stored response: times, validators, the head made ready; the body where it is.

Times are on the monotonic clock (seconds): `born` is the moment when its age was 0. On disk they are wall times.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cache.body import Body
from cache.surrogates import parse_surrogate_keys
from kernel.clock import Instant
from kernel.http.freshness import Verdict
from kernel.http.message import Fields, end_to_end, first, members, serialise, values

OVERHEAD = 600
"""Bytes that an object costs in RAM beside its body: counted against the budget."""

_NOT_STORED = frozenset((b"age", b"content-length", b"cache-status", b"cdn-loop", b"proxy-authentication-info"))
_OF_THE_BODY = frozenset((b"content-length", b"content-encoding", b"content-range"))
_ANY_CASE = frozenset((b"accept-language", b"accept-encoding", b"accept-charset"))


@dataclass(slots=True)
class Ready:
    """The head of a whole hit as it goes to viewers, good before `until` (mono), and what goes with it.

    `cut`: bytes of the cache key before the file's name, where `head` may follow a request for that name in one
    straight run; else -1. `record`: the end of such a request's line in the access log.
    """

    head: bytes
    until: float
    cut: int
    record: bytes


class Entry:
    """A stored (or just arriving) response; identity is the cache's, fields change only by `freshen`."""

    __slots__ = (
        "block",
        "body",
        "born",
        "disk",
        "etag",
        "fields",
        "fresh_until",
        "had_age",
        "key",
        "last_modified",
        "length",
        "mark",
        "must_revalidate",
        "ready",
        "sie_until",
        "slice",
        "status",
        "surrogates",
        "swr_until",
        "upstream_status",
        "vary",
    )

    def __init__(self, key: bytes, status: int, fields: Fields, length: int | None) -> None:
        self.key = key
        self.status = status
        self.length = length
        self.body: Body | None = None
        self.disk: str | None = None
        self.vary: tuple[tuple[bytes, bytes | None], ...] = ()
        self.surrogates: tuple[bytes, ...] = ()
        self.born = self.fresh_until = self.swr_until = self.sie_until = 0.0
        self.must_revalidate = self.had_age = False
        self.mark = b""  # of a whole in slices and of each of them: the strong ETag, else one made when it came
        self.slice = 0  # bytes of a slice where the body is kept in slices; see `cache.slices`
        self.ready: Ready | None = None
        self.set_fields(fields)

    @property
    def cold(self) -> bool:
        """Whether fields, validators and all that is made of them are only in its file: see `SegmentCache.warmed`."""
        return False

    def set_fields(self, fields: Fields) -> None:
        """Take over the end-to-end fields of a response; what is derived of them is made anew."""
        self.upstream_status = b", ".join(values(fields, b"cache-status")) or None
        self.fields = end_to_end(fields, _NOT_STORED)
        self.block = serialise(self.fields)
        self.etag = first(self.fields, b"etag")
        self.last_modified = first(self.fields, b"last-modified")
        self.surrogates = parse_surrogate_keys(b" ".join(values(self.fields, b"surrogate-key")))
        self.ready = None

    def set_times(self, verdict: Verdict, now: float) -> None:
        """The freshness of a response that arrived at `now` (mono)."""
        self.born = now - verdict.age
        self.fresh_until = self.born + verdict.lifetime
        self.swr_until = self.fresh_until + verdict.swr
        self.sie_until = self.fresh_until + verdict.sie
        self.must_revalidate = verdict.must_revalidate
        self.ready = None

    def set_vary(self, request: Mapping[bytes, bytes]) -> None:
        """Remember the request's values of the fields that Vary names (RFC 9111 §4.1)."""
        names = sorted({name.lower() for name in members(values(self.fields, b"vary"))})
        self.vary = tuple((name, normalised(name, request.get(name))) for name in names)

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
        """Its freshness ends now; what it may be used for when stale counts from now, no longer than it ever did."""
        early = self.fresh_until - now
        if early > 0:
            self.fresh_until -= early
            self.swr_until -= early
            self.sie_until -= early
        self.ready = None

    @property
    def cost(self) -> int:
        """Bytes counted against a tier's budget."""
        return (self.length or 0) + len(self.block) + len(self.key) + OVERHEAD

    def to_disk(self, now: Instant) -> dict[str, object]:
        """What the head of its file holds; times as wall."""
        return {
            "key": self.key,
            "status": self.status,
            "fields": self.fields,
            "length": self.length,
            "vary": self.vary,
            "written": now.wall,
            "age": now.mono - self.born,
            "fresh": self.fresh_until - self.born,
            "swr": self.swr_until - self.born,
            "sie": self.sie_until - self.born,
            "must": self.must_revalidate,
            "via": self.upstream_status,
            "slice": self.slice,
            "mark": self.mark,
        }

    @classmethod
    def from_disk(cls, head: Mapping[str, object], now: Instant) -> Entry:
        """The entry of a file's head; KeyError, TypeError or ValueError when the head is not ours."""
        fields = [(bytes(name), bytes(value)) for name, value in head["fields"]]  # type: ignore[attr-defined]
        made = cls(bytes(head["key"]), int(head["status"]), fields, int(head["length"]))  # type: ignore[call-overload]
        made.vary = tuple((bytes(name), value) for name, value in head["vary"])  # type: ignore[attr-defined]
        # A wall clock that stepped back must not make an object younger than it was when it was written.
        age = float(head["age"]) + max(0.0, now.wall - float(head["written"]))  # type: ignore[arg-type]
        made.born = now.mono - age
        made.fresh_until = made.born + float(head["fresh"])  # type: ignore[arg-type]
        made.swr_until = made.born + float(head["swr"])  # type: ignore[arg-type]
        made.sie_until = made.born + float(head["sie"])  # type: ignore[arg-type]
        made.must_revalidate = bool(head["must"])
        made.slice = int(head.get("slice", 0))  # type: ignore[call-overload]
        made.mark = bytes(head.get("mark", b""))  # type: ignore[call-overload]
        via = head["via"]
        made.upstream_status = via if isinstance(via, bytes) else None
        return made


def normalised(name: bytes, value: bytes | None) -> bytes | None:
    """A request field's value for comparison by Vary: no whitespace around commas, tags in one case.

    Their order stays: of two languages with the same weight many servers take the first (RFC 9110 §12.5.4).
    """
    if value is None:
        return None
    if b"," in value:
        value = b",".join(part.strip(b" \t") for part in value.split(b","))
    return value.lower() if name in _ANY_CASE else value
