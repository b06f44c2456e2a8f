"""The messages between edges and control, independent of the wire format.

Control sends an `Update` of one type of resource. The edge answers with `Ack` or `Nack`, and with `Applied` once the
version is in force and stored on disk. docs/push.md describes the protocol.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

RULES = "rules"
KEYS = "keys"
SETTINGS = "settings"
HOT = "hot"
TYPES = (RULES, KEYS)
"""The types that all edges hold alike, in the order they are sent: rules first, so that no key outruns a licence."""
DOCUMENTS = (SETTINGS, HOT)
"""Types with a document for each edge: settings, which are rolled out in waves, and the hot list."""

DEFAULT = "default"
"""Name of the rules resource `{"default": "allow" | "deny"}`."""
TITLE = "title/"
"""Rules resources `title/<contentId>`: a licence."""
SESSION = "session/"
"""Rules resources `session/<id>`: a revocation, `{"until": iso8601 | null}`."""

APPLIED = "applied"
"""The status of a version that is in force and kept on disk."""

NODE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
"""An edge's id, by `fullmatch`."""


class Version(NamedTuple):
    """A number that grows within an epoch; control starts a new epoch when its history is lost."""

    epoch: str
    number: int


NOTHING = Version("", 0)
"""The version of an edge that never heard of a type."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One named thing of a type; `number` is the version's number that last changed it, `content` JSON."""

    name: str
    number: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Update:
    """A snapshot replaces its type; a delta has all that changed after `base` up to `version`, as of `version`."""

    type: str
    version: Version
    nonce: str
    snapshot: bool
    base: int = 0
    resources: tuple[Resource, ...] = ()
    removed: tuple[str, ...] = ()
    signature: bytes = b""


PURGE = "purge"
PREFETCH = "prefetch"


@dataclass(frozen=True, slots=True)
class Job:
    """An entry of the job log: PURGE or PREFETCH; `content` is JSON in the form of the admin API."""

    seq: int
    kind: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Jobs:
    """Entries of the job log in their order. Entries up to `floor` are forgotten; `head` is the latest."""

    epoch: str
    floor: int
    head: int
    entries: tuple[Job, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """The version that an edge holds of a type, and the last version that it rejected (NOTHING: none)."""

    type: str
    version: Version = NOTHING
    refused: Version = NOTHING


@dataclass(frozen=True, slots=True)
class Hello:
    """The first message of an edge: its identity, its addresses (HOST:PORT) and the versions it holds.

    `capacity`: bits per second that it may send, 0 if unknown. `mark`: all purges up to this one are done on the edge.
    """

    id: str
    role: str = "edge"
    region: str = ""
    address: str = ""
    admin: str = ""
    known: tuple[Known, ...] = ()
    pop: str = ""
    capacity: int = 0
    release: str = ""
    mark: Version = NOTHING


@dataclass(frozen=True, slots=True)
class Ack:
    """The edge has taken the update, or had it already: it holds `version`."""

    type: str
    version: Version
    nonce: str


@dataclass(frozen=True, slots=True)
class Nack:
    """The edge rejects the update and keeps its version. `resync`: the delta does not fit, so send a snapshot."""

    type: str
    version: Version
    nonce: str
    error: str
    resync: bool = False


@dataclass(frozen=True, slots=True)
class Applied:
    """`version` of a resource (a type, or type/name) is in force; `status` is APPLIED or what is still wrong."""

    resource: str
    version: Version
    status: str = APPLIED


DONE = "done"
"""The status of a job that an edge has done."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A job is over at this edge: `count` objects, `bytes` brought; `status` is DONE or why it failed."""

    job: Version
    count: int = 0
    bytes: int = 0
    status: str = DONE


@dataclass(frozen=True, slots=True)
class Popular:
    """Decayed sums of the traffic of a rendition; `size` is its size in bytes, 0 if the edge does not know it."""

    content_id: str
    rendition: str
    bytes: float
    requests: float
    size: int = 0


@dataclass(frozen=True, slots=True)
class Prefetched:
    """Prefetched bytes of a title by cause, since the last report: of use, too late, unused."""

    content_id: str
    cause: str
    useful: int = 0
    late: int = 0
    wasted: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """An edge's activity in the last `seconds`, and its health.

    `errors`: responses with 500 and above, and aborted ones. `loop_delay` in seconds; `slow`: the 99th percentile of
    the seconds to the response head.
    """

    seconds: float
    requests: int = 0
    hits: int = 0
    errors: int = 0
    bytes_sent: int = 0
    bytes_filled: int = 0
    connections: int = 0
    loop_delay: float = 0.0
    slow: float = 0.0
    ram_bytes: int = 0
    disk_bytes: int = 0
    ready: bool = True
    draining: bool = False
    popular: tuple[Popular, ...] = ()
    prefetched: tuple[Prefetched, ...] = ()


FromEdge = Hello | Ack | Nack | Applied | Report | Receipt
FromControl = Update | Jobs
