"""What edges and control say to one another, free of any wire.

Control sends an `Update` of one type of resource; the edge answers with `Ack` or `Nack`, and with `Applied` once the
version is in force and kept on disk. docs/push.md tells the story.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

RULES = "rules"
KEYS = "keys"
TYPES = (RULES, KEYS)
"""The types of resources, in the order they are sent in: rules first, so that no key outruns a licence."""

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
    """A number that grows within an epoch; control begins a new epoch when its history was lost."""

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


@dataclass(frozen=True, slots=True)
class Known:
    """What an edge holds of a type, and the last version it refused (NOTHING: none)."""

    type: str
    version: Version = NOTHING
    refused: Version = NOTHING


@dataclass(frozen=True, slots=True)
class Hello:
    """An edge's first words: who it is, where (HOST:PORT), and what it holds."""

    id: str
    role: str = "edge"
    region: str = ""
    address: str = ""
    admin: str = ""
    known: tuple[Known, ...] = ()


@dataclass(frozen=True, slots=True)
class Ack:
    """The edge has taken the update, or had it already: it holds `version`."""

    type: str
    version: Version
    nonce: str


@dataclass(frozen=True, slots=True)
class Nack:
    """The edge refuses the update and keeps what it had; `resync`: the delta does not fit, send a snapshot."""

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


FromEdge = Hello | Ack | Nack | Applied
FromControl = Update
