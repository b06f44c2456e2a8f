"""The words that code, headers, logs and metrics share.

Every outcome and every reason is one of these; a new one is added here first.
"""

from __future__ import annotations

import re
from enum import StrEnum

CONTENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
"""A contentId, by `fullmatch`: what a URL, a folder and an object key can carry unescaped."""

REGION = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII)
"""The region of `/cdn/<region>/…`, by `fullmatch`."""

RENDITION_FOLDER = re.compile(r"v(?P<height>\d{2,4})(?:-(?P<publication>\d+))?", re.ASCII)
"""A video rendition's folder, by `fullmatch`: `v720`, from the second publication on `v720-2`."""


class Tier(StrEnum):
    """What a plan may watch; the token's claim `mtier`."""

    SD = "sd"
    HD = "hd"
    UHD = "uhd"


TIER_LINES = {Tier.SD: 576, Tier.HD: 1080, Tier.UHD: 4320}
"""The tallest rendition of a tier, in lines."""


class Refusal(StrEnum):
    """Why a viewer's request was refused; the word stands in the answer, the log and the metric."""

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
"""401 what does not verify, 403 verified but not permitted, 451 not licensed there, 400 a bad path, 404 unknown."""


REFUSAL_SENTENCES = {
    Refusal.TOKEN_MISSING: "The request carries no token where one is required.",
    Refusal.TOKEN_MALFORMED: "What stands in the token's place is not a JWT in canonical form.",
    Refusal.TOKEN_SIGNATURE: "The token's signature is not that of the key it names.",
    Refusal.TOKEN_KEY: "The token names no key, or one that is not in the key set.",
    Refusal.TOKEN_CLAIMS: "A claim is missing, of the wrong kind, or cannot be checked here.",
    Refusal.TOKEN_EXPIRED: "The token's time is over.",
    Refusal.TOKEN_NOT_YET: "The token's time has not begun.",
    Refusal.TOKEN_REVOKED: "The session the token belongs to was revoked.",
    Refusal.SCOPE: "The token is for another path.",
    Refusal.TIER: "The rendition is above what the viewer's plan may watch.",
    Refusal.NETWORK: "The token is bound to another network than the viewer's.",
    Refusal.WINDOW: "The title may not be watched at this time.",
    Refusal.COUNTRY: "The title is not licensed in the viewer's country.",
    Refusal.COUNTRY_UNKNOWN: "The title is licensed in some countries only, and the viewer's is not known.",
    Refusal.HOST: "The Host is none that a name or address can have.",
    Refusal.PATH: "The path cannot be brought to its normal form.",
    Refusal.REGION_UNKNOWN: "This edge does not serve the region in the path.",
    Refusal.NOT_FOUND: "There is no such path here.",
    Refusal.LOOP: "The request has come through this very node before: its upstream leads back to it.",
    Refusal.NOT_CACHED: "The request asks for what is cached only, and nothing that answers it is.",
    Refusal.CROWDED: "Too many requests for the viewer's address are under way through this proxy.",
}
"""What each refusal means; docs/errors.md is made from it."""


class Abort(StrEnum):
    """Why a viewer's connection was cut by a reset; the label of a counter, and in the log."""

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
    Abort.BROKEN_OFF: "After the head the rest of the body could not be had: the upstream failed, or a slice is gone.",
    Abort.VIEWER_GONE: "The viewer's side had closed or could not be reached while a body was sent.",
    Abort.BODY_FILE: "The file that holds the body could not be read, or is shorter than the body.",
    Abort.UPLOAD: "The body of the request did not become whole, and the head of its answer was out.",
    Abort.STALLED: "The viewer took nothing of what was sent for as long as `stall_timeout` allows.",
    Abort.LINGERED: "The last answer was said and our side ended, and the viewer did not take the rest of it in time.",
    Abort.CROWDED: "There were far too many connections to turn this one away in words.",
    Abort.SHUTDOWN: "The node ended, and the time for running responses was over.",
    Abort.BUG: "A handler failed.",
}
"""What each of them means; docs/errors.md is made from it."""


class NotStored(StrEnum):
    """Why an answer is not kept, or why that is not certain when its head goes out; `detail` of Cache-Status."""

    TOO_LARGE = "too-large"
    LENGTH_UNKNOWN = "length-unknown"
    DISK_ONLY = "disk-only"
    BUSY = "busy"


NOT_STORED_SENTENCES = {
    NotStored.TOO_LARGE: "The object is larger than what is kept, or no tier has room for it.",
    NotStored.LENGTH_UNKNOWN: "The answer does not say how long it is: it is kept if it turns out to be small enough.",
    NotStored.DISK_ONLY: "The object is too large for RAM: it is kept if the disk admits it and the write succeeds.",
    NotStored.BUSY: "So much is on its way into the cache that this answer may be passed on and not kept.",
}
"""What each of them means; docs/errors.md is made from it."""


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
}
"""What each reason means; docs/errors.md is generated from it."""

OVERLOAD_RETRY_SECONDS = dict.fromkeys(OverloadReason, 1) | {
    OverloadReason.NO_EDGE: 5,
    OverloadReason.NO_ORIGIN: 30,
    OverloadReason.ROUTING: 2,
    OverloadReason.PROXIED_REQUESTS: 2,
    OverloadReason.SEARCH_INDEX_REBUILDING: 5,
    OverloadReason.EVENT_LOG_FULL: 30,
}
"""The Retry-After of the 503 response."""


class DoorRefusal(StrEnum):
    """Why an HTTP door of operators or services refused a request before it looked at what is asked."""

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
    DoorRefusal.HOST: "Host names neither this machine, nor where the door listens, nor one of the allowed hosts.",
    DoorRefusal.HOST_MALFORMED: "The request must carry Host once, with a host and perhaps a port.",
    DoorRefusal.CROSS_SITE: "A page of another site may not ask here.",
    DoorRefusal.CONTENT_TYPE: "What changes something must be sent with Content-Type: application/json, body or none.",
    DoorRefusal.ADMIN_KEY: "The request must carry one of the admin keys: Authorization: Bearer.",
}
"""What each refusal of a door means; docs/errors.md is made from it."""


class Outcome(StrEnum):
    """How the cache answered (RFC 9211's words where it has one)."""

    HIT = "hit"
    STALE = "stale-hit"
    MISS = "miss"
    COLLAPSED = "collapsed"
    REVALIDATED = "revalidated"
    PASS = "pass"  # noqa: S105
    REFUSED = "refused"
    FAILED = "failed"


class CacheNotice(StrEnum):
    """What befell the folder of a disk tier, for its operator; the word stands in the log."""

    EARLIER_FORMAT = "earlier-format"
    INDEX_DAMAGED = "index-damaged"
    FOLDER_LOST = "folder-lost"
    FOLDER_MADE_ANEW = "folder-made-anew"
    FOLDER_MENDED = "folder-mended"


CACHE_NOTICE_SENTENCES = {
    CacheNotice.EARLIER_FORMAT: "The cache folder is of an earlier release: what is in it is dropped.",
    CacheNotice.INDEX_DAMAGED: "The cache folder's index is damaged: what it names is revalidated, the rest dropped.",
    CacheNotice.FOLDER_LOST: "The cache folder was removed and cannot be made anew: the disk tier is out of use.",
    CacheNotice.FOLDER_MADE_ANEW: "The cache folder was removed: it is made anew, what was in it is fetched again.",
    CacheNotice.FOLDER_MENDED: "Parts of the cache folder were missing: they are made anew, what was there is dropped.",
}
"""What each notice means; the log says it."""


def is_content_id(text: str) -> bool:
    """Whether the text can be a contentId."""
    return CONTENT_ID.fullmatch(text) is not None


def rendition_height(folder: str) -> int | None:
    """The lines of a video rendition's folder name (`v720-2` → 720); None for any other name."""
    match = RENDITION_FOLDER.fullmatch(folder)
    return int(match["height"]) if match else None
