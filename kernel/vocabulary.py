"""The words that code, headers, logs and metrics share: refusals, aborts, overloads, outcomes and notices.

Every outcome and every reason is one of these enums or of `kernel.fetch_reasons`; add a new one there first.
"""

from __future__ import annotations

import re
from enum import StrEnum

CONTENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
"""A contentId, for `fullmatch`: safe in a URL, a folder name and an object key without escaping."""

REGION = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII)
"""The region of `/cdn/<region>/…`, for `fullmatch`."""

RENDITION_FOLDER = re.compile(r"v(?P<height>\d{2,4})(?:[a-z][a-z0-9]*+)?(?:-(?P<publication>\d+))?", re.ASCII)
"""A video rendition's folder, for `fullmatch`: `v720` in the first publication, `v720-2` in the second.

A further set of renditions has its name behind the height: `v720hevc`, `v2160hdr-2`.
"""


class Tier(StrEnum):
    """The highest quality of a viewer's plan; the token's claim `mtier`."""

    SD = "sd"
    HD = "hd"
    UHD = "uhd"


TIER_LINES = {Tier.SD: 576, Tier.HD: 1080, Tier.UHD: 4320}
"""The height in lines of a tier's highest rendition."""


class Refusal(StrEnum):
    """Why a viewer's request was refused; the word is in the response, the log and the metric."""

    TOKEN_MISSING = "token-missing"  # noqa: S105 (a reason, not a secret)
    TOKEN_MALFORMED = "token-malformed"  # noqa: S105
    TOKEN_SIGNATURE = "token-signature"  # noqa: S105
    TOKEN_KEY = "token-key"  # noqa: S105
    TOKEN_CLAIMS = "token-claims"  # noqa: S105
    TOKEN_EXPIRED = "token-expired"  # noqa: S105
    TOKEN_NOT_YET = "token-not-yet"  # noqa: S105
    TOKEN_REVOKED = "token-revoked"  # noqa: S105
    SCOPE = "scope"
    TIER = "tier"
    NETWORK = "network"
    WINDOW = "window"
    COUNTRY = "country"
    COUNTRY_UNKNOWN = "country-unknown"
    PATH = "path"
    HOST = "host"
    REGION_UNKNOWN = "region-unknown"
    NOT_FOUND = "not-found"
    LOOP = "loop"
    NOT_CACHED = "not-cached"
    CROWDED = "too-many-from-address"


REFUSAL_STATUS = {
    Refusal.TOKEN_MISSING: 401,
    Refusal.TOKEN_MALFORMED: 401,
    Refusal.TOKEN_SIGNATURE: 401,
    Refusal.TOKEN_KEY: 401,
    Refusal.TOKEN_CLAIMS: 401,
    Refusal.TOKEN_EXPIRED: 403,
    Refusal.TOKEN_NOT_YET: 403,
    Refusal.TOKEN_REVOKED: 403,
    Refusal.SCOPE: 403,
    Refusal.TIER: 403,
    Refusal.NETWORK: 403,
    Refusal.WINDOW: 403,
    Refusal.COUNTRY: 451,
    Refusal.COUNTRY_UNKNOWN: 451,
    Refusal.PATH: 400,
    Refusal.HOST: 400,
    Refusal.REGION_UNKNOWN: 404,
    Refusal.NOT_FOUND: 404,
    Refusal.LOOP: 508,
    Refusal.NOT_CACHED: 504,
    Refusal.CROWDED: 429,
}
"""401: the token does not verify. 403: verified but not permitted. 451: not licensed in the country. 400: bad request.
404: unknown path."""


REFUSAL_SENTENCES = {
    Refusal.TOKEN_MISSING: "The request has no token, and this path needs one: start playback to get one.",
    Refusal.TOKEN_MALFORMED: "The token is not a JWT in canonical form: send it exactly as it was issued.",
    Refusal.TOKEN_SIGNATURE: "The token's signature does not match the key it names.",
    Refusal.TOKEN_KEY: "The token names no key, or a key that this edge does not have.",
    Refusal.TOKEN_CLAIMS: "A claim of the token is missing, has the wrong type, or cannot be checked on this edge.",
    Refusal.TOKEN_EXPIRED: "The token has expired: renew it.",
    Refusal.TOKEN_NOT_YET: "The token is not valid yet: check the clocks of the issuer and the edge.",
    Refusal.TOKEN_REVOKED: "The token's session was revoked: sign in again.",
    Refusal.SCOPE: "The token does not cover this path.",
    Refusal.TIER: "The viewer's plan does not include this rendition.",
    Refusal.NETWORK: "The token is bound to another network than the viewer's.",
    Refusal.WINDOW: "The title is not available at this time.",
    Refusal.COUNTRY: "The title is not licensed in the viewer's country.",
    Refusal.COUNTRY_UNKNOWN: "The title is licensed in some countries only, and the viewer's country is unknown.",
    Refusal.HOST: "The Host field is not a valid name or address.",
    Refusal.PATH: "The path is not valid or cannot be normalised.",
    Refusal.REGION_UNKNOWN: "This edge does not serve the region in the path.",
    Refusal.NOT_FOUND: "The path does not exist.",
    Refusal.LOOP: "The request already passed through this node: one of its upstreams leads back to it.",
    Refusal.NOT_CACHED: "The request has only-if-cached, and no stored response can answer it.",
    Refusal.CROWDED: "Too many requests of this viewer's address are running through this proxy: retry later.",
}
"""What each refusal means; docs/errors.md is generated from it."""


class Abort(StrEnum):
    """Why a viewer's connection was reset; the word is a counter's label and in the log."""

    BROKEN_OFF = "broken-off"
    VIEWER_GONE = "viewer-gone"
    BODY_FILE = "body-file"
    UPLOAD = "upload"
    STALLED = "stalled"
    LINGERED = "lingered"
    CROWDED = "crowded"
    SHUTDOWN = "shutdown"
    BUG = "bug"


ABORT_SENTENCES = {
    Abort.BROKEN_OFF: "The rest of the body could not be fetched after the head was sent; the log has the reason.",
    Abort.VIEWER_GONE: "The viewer closed the connection or could not be reached while a body was sent.",
    Abort.BODY_FILE: "The file that holds the body could not be read or is too short.",
    Abort.UPLOAD: "The request's body did not arrive completely after the response head was sent.",
    Abort.STALLED: "The viewer received nothing for `stall_timeout`.",
    Abort.LINGERED: "The viewer did not receive the end of the last response in time before closing.",
    Abort.CROWDED: "So many connections were open that this one was closed without a response.",
    Abort.SHUTDOWN: "The node was stopped, and the drain time was over.",
    Abort.BUG: "A handler failed; the log has the traceback.",
}
"""What each reason means; docs/errors.md is generated from it."""


class NotStored(StrEnum):
    """Why a response is not stored, or why that is uncertain when its head is sent; `detail` of Cache-Status."""

    TOO_LARGE = "too-large"
    LENGTH_UNKNOWN = "length-unknown"
    DISK_ONLY = "disk-only"
    BUSY = "busy"


NOT_STORED_SENTENCES = {
    NotStored.TOO_LARGE: "The object is larger than the cache's limit for one object, or no tier has room for it.",
    NotStored.LENGTH_UNKNOWN: "The response has no Content-Length; it is stored, in slices if it is large, if it fits.",
    NotStored.DISK_ONLY: "The object is too large for RAM; it is stored if the disk tier admits and writes it.",
    NotStored.BUSY: "So many bytes are on their way into the cache that this response may not be stored.",
}
"""What each reason means; docs/errors.md is generated from it."""


class OverloadReason(StrEnum):
    """Why a program does not do now what is asked: the `reason` of `Overloaded`."""

    UPSTREAM_BUSY = "upstream-busy"
    DESCRIPTORS = "descriptors"
    NO_EDGE = "no-edge"
    NO_ORIGIN = "no-origin"
    ROUTING = "routing"
    PROXIED_REQUESTS = "proxied-requests"
    WRITES_WAITING = "writes-waiting"
    SEARCHES_WAITING = "searches-waiting"
    SEARCH_INDEX_REBUILDING = "search-index-rebuilding"
    CHANGES_WAITING = "changes-waiting"
    AUDIT_BEING_VERIFIED = "audit-being-verified"
    AUDIT_TOO_LONG = "audit-too-long"
    CONTROL_STOPPING = "control-stopping"
    CONTROL_BUSY = "control-busy"
    EVENTS_WAITING = "events-waiting"
    EVENT_LOG_FULL = "event-log-full"
    PASSWORDS_WAITING = "passwords-waiting"
    EVENT_STREAMS = "event-streams"
    INGEST_NOT_OPEN = "ingest-not-open"
    JOBS_WAITING = "jobs-waiting"
    PLAYERS_WAITING = "players-waiting"


OVERLOAD_SENTENCES = {
    OverloadReason.UPSTREAM_BUSY: "Every connection to the upstream is in use, and no further request can wait.",
    OverloadReason.DESCRIPTORS: "The edge has no file descriptor left for an upstream connection: raise its limit.",
    OverloadReason.NO_EDGE: "No healthy edge can serve the title.",
    OverloadReason.NO_ORIGIN: "The services were started without an origin.",
    OverloadReason.ROUTING: "Too many requests wait for control to choose edges.",
    OverloadReason.PROXIED_REQUESTS: "Too many requests to the origin are running.",
    OverloadReason.WRITES_WAITING: "Too many changes wait to be written to the database.",
    OverloadReason.SEARCHES_WAITING: "Too many searches are running.",
    OverloadReason.SEARCH_INDEX_REBUILDING: "The search index is damaged and is being rebuilt.",
    OverloadReason.CHANGES_WAITING: "Too many changes wait to be written to control's database.",
    OverloadReason.AUDIT_BEING_VERIFIED: "The audit log is already being verified.",
    OverloadReason.AUDIT_TOO_LONG: "Verifying the audit log takes too long: verify it from a later row.",
    OverloadReason.CONTROL_STOPPING: "Control is shutting down.",
    OverloadReason.CONTROL_BUSY: "Control is overloaded.",
    OverloadReason.EVENTS_WAITING: "Too many events wait to be written to the event log.",
    OverloadReason.EVENT_LOG_FULL: "The event log is full, because a consumer of it does not keep up.",
    OverloadReason.PASSWORDS_WAITING: "Too many people are logging in at this moment.",
    OverloadReason.EVENT_STREAMS: "Too many event streams are open.",
    OverloadReason.INGEST_NOT_OPEN: "The job queue's database is not open: the origin's log says why.",
    OverloadReason.JOBS_WAITING: "The job queue holds as many unfinished jobs as it may.",
    OverloadReason.PLAYERS_WAITING: "Too many players wait for the end of their sessions: heartbeats tell it, too.",
}
"""What each reason means; docs/errors.md is generated from it."""

OVERLOAD_RETRY_SECONDS = dict.fromkeys(OverloadReason, 1) | {
    OverloadReason.NO_EDGE: 5,
    OverloadReason.NO_ORIGIN: 30,
    OverloadReason.ROUTING: 2,
    OverloadReason.PROXIED_REQUESTS: 2,
    OverloadReason.SEARCH_INDEX_REBUILDING: 5,
    OverloadReason.EVENT_LOG_FULL: 30,
    OverloadReason.INGEST_NOT_OPEN: 2,
    OverloadReason.JOBS_WAITING: 60,
}
"""The Retry-After of the 503 response."""


class DoorRefusal(StrEnum):
    """Why an HTTP API of operators or services refused a request before it was routed."""

    HOST = "host"
    HOST_MALFORMED = "host-malformed"
    CROSS_SITE = "cross-site"
    CONTENT_TYPE = "content-type"
    ADMIN_KEY = "admin-key"


DOOR_REFUSAL_STATUS = {
    DoorRefusal.HOST: 421,
    DoorRefusal.HOST_MALFORMED: 400,
    DoorRefusal.CROSS_SITE: 403,
    DoorRefusal.CONTENT_TYPE: 415,
    DoorRefusal.ADMIN_KEY: 401,
}

DOOR_REFUSAL_SENTENCES = {
    DoorRefusal.HOST: "The Host field is neither this machine, the listen address nor in `allowed_hosts`.",
    DoorRefusal.HOST_MALFORMED: "The request must have one Host field with a host and an optional port.",
    DoorRefusal.CROSS_SITE: "A page of another site must not call this API.",
    DoorRefusal.CONTENT_TYPE: "A request that changes something must have Content-Type: application/json.",
    DoorRefusal.ADMIN_KEY: "The request must have one of the admin keys in Authorization: Bearer.",
}
"""What each refusal means; docs/errors.md is generated from it."""


class Outcome(StrEnum):
    """How the cache answered, in the words of RFC 9211 where it has one."""

    HIT = "hit"
    STALE = "stale-hit"
    MISS = "miss"
    COLLAPSED = "collapsed"
    REVALIDATED = "revalidated"
    PASS = "pass"  # noqa: S105
    REFUSED = "refused"
    FAILED = "failed"


class CacheNotice(StrEnum):
    """An event of the disk tier's folder that the operator should see; the word is in the log."""

    EARLIER_FORMAT = "earlier-format"
    INDEX_DAMAGED = "index-damaged"
    FOLDER_LOST = "folder-lost"
    FOLDER_RECREATED = "folder-recreated"
    FOLDER_REPAIRED = "folder-repaired"


CACHE_NOTICE_SENTENCES = {
    CacheNotice.EARLIER_FORMAT: "The cache folder has the format of an earlier release: its objects are dropped.",
    CacheNotice.INDEX_DAMAGED: "The disk index is damaged: objects it still names are revalidated, others dropped.",
    CacheNotice.FOLDER_LOST: "The cache folder was deleted and cannot be created again: the disk tier is out of use.",
    CacheNotice.FOLDER_RECREATED: "The cache folder was deleted and created again; its objects are lost.",
    CacheNotice.FOLDER_REPAIRED: "Parts of the cache folder were deleted and created again; their objects are lost.",
}
"""What each notice means; the log line has it."""


def is_content_id(text: str) -> bool:
    """Whether the text can be a contentId."""
    return CONTENT_ID.fullmatch(text) is not None


def rendition_height(folder: str) -> int | None:
    """The height in lines of a video rendition's folder name (`v720-2` → 720); None for any other name."""
    match = RENDITION_FOLDER.fullmatch(folder)
    return int(match["height"]) if match else None
