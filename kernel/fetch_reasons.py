"""Why a fetch from an upstream failed, how it ended, and why its response was not given to a reader or not stored.

The words are in Cache-Status, problem responses, logs and metrics; docs/errors.md is generated from the tables.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class UpstreamReason(StrEnum):
    """Why an upstream, the origin or control gave no usable response: the `reason` of `UpstreamFailed`."""

    # The connection to the upstream.
    NO_UPSTREAM = "no-upstream"
    CONNECT = "connect"
    CONNECT_TIMEOUT = "connect-timeout"
    TLS = "tls"
    CERTIFICATE = "certificate"
    CLOSED = "closed"
    STALE_CONNECTION = "stale-connection"
    UPLOAD_BROKEN = "upload-broken"

    # The form of the response.
    MALFORMED = "malformed"
    STATUS = "status"
    VERSION = "version"
    FIELD_VALUE = "field-value"
    FRAMING = "framing"
    INTERIMS = "interims"
    UPGRADE = "upgrade"
    HEAD_TOO_LARGE = "head-too-large"
    TRAILER_TOO_LARGE = "trailer-too-large"

    # The time it took.
    FIRST_BYTE_TIMEOUT = "first-byte-timeout"
    IDLE_TIMEOUT = "idle-timeout"
    TOTAL_TIMEOUT = "total-timeout"

    # The meaning of the response.
    STATUS_500 = "status-500"
    STATUS_502 = "status-502"
    STATUS_503 = "status-503"
    STATUS_504 = "status-504"
    STATUS_OTHER = "status-other"
    UNASKED_206 = "unasked-206"
    UNASKED_304 = "unasked-304"
    BAD_CONTENT_RANGE = "bad-content-range"
    WRONG_PART = "wrong-part"

    # The course of the body.
    TRUNCATED = "truncated"
    SHORT_PARTS = "short-parts"
    NO_PROGRESS = "no-progress"
    NO_READERS = "no-readers"
    READER_TOO_SLOW = "reader-too-slow"
    SLICE_UNAVAILABLE = "slice-unavailable"
    OBJECT_CHANGED = "object-changed"

    # Control and the services' upstreams.
    CONTROL_UNREACHABLE = "control-unreachable"
    CONTROL_UNTRUSTED = "control-untrusted"
    CONTROL_LOST = "control-lost"
    CONTROL_NOT_UNDERSTOOD = "control-not-understood"
    NOT_ENROLLED = "not-enrolled"
    IDENTITY_ENDED = "identity-ended"
    JOBS_BEHIND = "jobs-behind"
    ORIGIN_UNREACHABLE = "origin-unreachable"
    ORIGIN_TIMEOUT = "origin-timeout"
    ORIGIN_ANSWER = "origin-answer"
    KEY_SERVER = "key-server"
    SOURCE = "source"
    INGEST_ORIGIN = "ingest-origin"
    ANNOUNCEMENT = "announcement"
    NO_EDGE = "no-edge"
    TOP_UNREADABLE = "top-unreadable"
    TOP_TOO_LARGE = "top-too-large"

    @classmethod
    def for_status(cls, status: int) -> UpstreamReason:
        """The reason for a response whose status is not passed on."""
        return _BY_STATUS.get(status, cls.STATUS_OTHER)


_BY_STATUS: Final = {
    500: UpstreamReason.STATUS_500,
    502: UpstreamReason.STATUS_502,
    503: UpstreamReason.STATUS_503,
    504: UpstreamReason.STATUS_504,
}

UPSTREAM_STATUS: Final[dict[UpstreamReason, int]] = dict.fromkeys(UpstreamReason, 502) | {
    UpstreamReason.CONNECT_TIMEOUT: 504,
    UpstreamReason.FIRST_BYTE_TIMEOUT: 504,
    UpstreamReason.IDLE_TIMEOUT: 504,
    UpstreamReason.TOTAL_TIMEOUT: 504,
    UpstreamReason.ORIGIN_TIMEOUT: 504,
    UpstreamReason.STATUS_500: 500,
    UpstreamReason.STATUS_503: 503,
    UpstreamReason.STATUS_504: 504,
}
"""The status that the client gets: 504 for a timeout, the upstream's own 5xx, else 502."""

UPSTREAM_SENTENCES: Final[dict[UpstreamReason, str]] = {
    UpstreamReason.NO_UPSTREAM: "No upstream is configured for the request: check the routes.",
    UpstreamReason.CONNECT: "The upstream refused the connection, or there is no route to it.",
    UpstreamReason.CONNECT_TIMEOUT: "The upstream did not accept the connection in time.",
    UpstreamReason.TLS: "The TLS handshake failed, or the upstream refused the client certificate.",
    UpstreamReason.CERTIFICATE: "The upstream's certificate could not be verified.",
    UpstreamReason.CLOSED: "The upstream closed a new connection without a response.",
    UpstreamReason.STALE_CONNECTION: "The upstream closed a kept-alive connection before it received the request.",
    UpstreamReason.UPLOAD_BROKEN: "The request's body did not arrive completely, or cannot be sent a second time.",
    UpstreamReason.MALFORMED: "The response is not valid HTTP/1.1.",
    UpstreamReason.STATUS: "The response has a status that HTTP does not allow.",
    UpstreamReason.VERSION: "The HTTP version of the response is neither 1.0 nor 1.1.",
    UpstreamReason.FIELD_VALUE: "A header field has a name or value that HTTP does not allow.",
    UpstreamReason.FRAMING: "The length of the response is ambiguous.",
    UpstreamReason.INTERIMS: "The upstream sent too many interim responses.",
    UpstreamReason.UPGRADE: "The upstream switched to another protocol without a request for it.",
    UpstreamReason.HEAD_TOO_LARGE: "The head of the response is too large or has too many fields.",
    UpstreamReason.TRAILER_TOO_LARGE: "The trailer of the response is too large.",
    UpstreamReason.FIRST_BYTE_TIMEOUT: "The head of the response did not arrive in time.",
    UpstreamReason.IDLE_TIMEOUT: "No byte of the response's body arrived for too long.",
    UpstreamReason.TOTAL_TIMEOUT: "The whole response took too long.",
    UpstreamReason.STATUS_500: "The upstream answered 500.",
    UpstreamReason.STATUS_502: "The upstream answered 502.",
    UpstreamReason.STATUS_503: "The upstream answered 503.",
    UpstreamReason.STATUS_504: "The upstream answered 504.",
    UpstreamReason.STATUS_OTHER: "The upstream answered with a status that cannot be passed on.",
    UpstreamReason.UNASKED_206: "The upstream answered 206 to a request without a Range.",
    UpstreamReason.UNASKED_304: "The upstream answered 304 to a request without validators.",
    UpstreamReason.BAD_CONTENT_RANGE: "The Content-Range of a 206 is missing, malformed or does not fit its length.",
    UpstreamReason.WRONG_PART: "The upstream sent another range than the requested one.",
    UpstreamReason.TRUNCATED: "The connection ended before the body was complete.",
    UpstreamReason.SHORT_PARTS: "The upstream sent less than the requested range too many times.",
    UpstreamReason.NO_PROGRESS: "A range was requested several times and no further byte arrived.",
    UpstreamReason.NO_READERS: "The fetch was aborted because no reader was left.",
    UpstreamReason.READER_TOO_SLOW: "The reader delayed the others for too long and was disconnected.",
    UpstreamReason.SLICE_UNAVAILABLE: "A slice is no longer cached and cannot be fetched on its own.",
    UpstreamReason.OBJECT_CHANGED: "The object changed at the upstream during the fetch.",
    UpstreamReason.CONTROL_UNREACHABLE: "Control could not be reached.",
    UpstreamReason.CONTROL_UNTRUSTED: "Control's certificate is not from the authority that the enrolment token names.",
    UpstreamReason.CONTROL_LOST: "The connection to control ended.",
    UpstreamReason.CONTROL_NOT_UNDERSTOOD: "Control sent a message that this release cannot read.",
    UpstreamReason.NOT_ENROLLED: "The node is not enrolled: enrol it with a token.",
    UpstreamReason.IDENTITY_ENDED: "The node's certificate has expired: enrol it again.",
    UpstreamReason.JOBS_BEHIND: "The edge's queue of jobs is full.",
    UpstreamReason.ORIGIN_UNREACHABLE: "The origin could not be reached.",
    UpstreamReason.ORIGIN_TIMEOUT: "The origin did not answer in time.",
    UpstreamReason.ORIGIN_ANSWER: "The origin sent an unexpected response.",
    UpstreamReason.KEY_SERVER: "The key server returned no usable keys.",
    UpstreamReason.SOURCE: "The server of a film to ingest did not send it.",
    UpstreamReason.INGEST_ORIGIN: "The origin did not answer a worker on another host.",
    UpstreamReason.ANNOUNCEMENT: "The catalogue or control did not accept the announcement of a new publication.",
    UpstreamReason.NO_EDGE: "No edge could deliver the playlist.",
    UpstreamReason.TOP_UNREADABLE: "The top playlist is malformed.",
    UpstreamReason.TOP_TOO_LARGE: "The top playlist is too large.",
}
"""What each reason means."""


class FillEnd(StrEnum):
    """How a fetch ended that did not fail; a counter's label, besides the reasons of failed fetches."""

    WHOLE = "whole"
    OBJECT_CHANGED = "object-changed"


FILL_END_SENTENCES: Final[dict[FillEnd, str]] = {
    FillEnd.WHOLE: "The response arrived completely.",
    FillEnd.OBJECT_CHANGED: "The object changed at the upstream; the new version replaces this one.",
}
"""What each end means."""


class ReleaseReason(StrEnum):
    """Why a reader is released from a fill before its end, to retry together with others or alone."""

    ALTERNATE = "alternate"
    LATE = "late"
    STALE = "stale"
    RANGE = "range"
    OVER = "over"
    REQUEST_ONLY = "request-only"
    LEADER_ONLY = "leader-only"


RELEASE_SENTENCES: Final[dict[ReleaseReason, str]] = {
    ReleaseReason.ALTERNATE: "The response is another alternate (Vary): retry together with requests for the same one.",
    ReleaseReason.LATE: "The head is overdue: retry together; the fetch continues for its leader.",
    ReleaseReason.STALE: "The revalidation is overdue: retry and use the stale response.",
    ReleaseReason.RANGE: "The response is for the range of another reader: retry.",
    ReleaseReason.OVER: "The fetch ends before the slice that the reader waits for: retry.",
    ReleaseReason.REQUEST_ONLY: "The leader's request prevents sharing: retry, unless the request is of the same kind.",
    ReleaseReason.LEADER_ONLY: "The response cannot be shared: fetch alone.",
}
"""What each reason means and what the reader does next."""

RETRYABLE_RELEASES: Final = frozenset(ReleaseReason) - {ReleaseReason.REQUEST_ONLY, ReleaseReason.LEADER_ONLY}
"""The releases after which a reader retries together with others."""


class NotStorable(StrEnum):
    """Why a response is not stored: RFC 9111 §3 forbids it, or it is not worth it."""

    METHOD = "method"
    STATUS = "status"
    MUST_UNDERSTAND = "must-understand"
    NO_STORE = "no-store"
    REQUEST_NO_STORE = "request-no-store"
    PRIVATE = "private"
    AUTHORIZATION = "authorization"
    SET_COOKIE = "set-cookie"
    VARY_ALL = "vary-all"
    NO_FRESHNESS = "no-freshness"
    ALREADY_STALE = "already-stale"
    TOO_LARGE = "too-large"
    PURGED = "purged"
    RANGE = "range"
    LOOP = "loop"


NOT_STORABLE_SENTENCES: Final[dict[NotStorable, str]] = {
    NotStorable.METHOD: "The request is neither GET nor HEAD.",
    NotStorable.STATUS: "The status is not cacheable.",
    NotStorable.MUST_UNDERSTAND: "The response has must-understand and an unknown status.",
    NotStorable.NO_STORE: "The response has no-store.",
    NotStorable.REQUEST_NO_STORE: "The request has no-store.",
    NotStorable.PRIVATE: "The response is private.",
    NotStorable.AUTHORIZATION: "The request has Authorization, and the response does not allow it to be shared.",
    NotStorable.SET_COOKIE: "The response sets a cookie.",
    NotStorable.VARY_ALL: "The response has `Vary: *`.",
    NotStorable.NO_FRESHNESS: "The response has no freshness lifetime.",
    NotStorable.ALREADY_STALE: "The response is stale on arrival and cannot be revalidated.",
    NotStorable.TOO_LARGE: "The response is larger than what is kept, or no tier has room for it.",
    NotStorable.PURGED: "The object was purged while it was being fetched.",
    NotStorable.RANGE: "The response is a 416 for the range of one reader.",
    NotStorable.LOOP: "The response reports a loop (508), which concerns one request only.",
}
"""What each reason means."""

REQUEST_ONLY: Final = frozenset((NotStorable.REQUEST_NO_STORE, NotStorable.AUTHORIZATION, NotStorable.LOOP))
"""The reasons that lie in one request: the response to the next one may be storable."""


class PrefetchEnd(StrEnum):
    """How a prefetch ended, or why it was not started; the label of a counter, and in a job's receipt."""

    FETCHED = "fetched"
    ALREADY_CACHED = "already-cached"
    NOT_CACHEABLE = "not-cacheable"
    FAILED = "failed"
    REFUSED = "refused"
    OVERLOADED = "overloaded"
    THROTTLED = "throttled"
    DROPPED = "dropped"
    FULL = "full"


PREFETCH_END_SENTENCES: Final[dict[PrefetchEnd, str]] = {
    PrefetchEnd.FETCHED: "The object was fetched and is cached now.",
    PrefetchEnd.ALREADY_CACHED: "The object was cached already.",
    PrefetchEnd.NOT_CACHEABLE: "The response is not storable, or does not answer the prefetch.",
    PrefetchEnd.FAILED: "The fetch failed.",
    PrefetchEnd.REFUSED: "This edge does not serve the URL.",
    PrefetchEnd.OVERLOADED: "The edge is overloaded, so it does not prefetch.",
    PrefetchEnd.THROTTLED: "Few of the objects prefetched for this cause were used, or its last fetches failed.",
    PrefetchEnd.DROPPED: "The queue was full, or the object waited too long in it.",
    PrefetchEnd.FULL: "The budget of prefetched bytes is spent, or the cache would have to evict wanted objects.",
}
"""What each end means."""
