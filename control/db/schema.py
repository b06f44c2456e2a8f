"""The tables of control's database, as of the latest of `control.migrations`. Times are Unix seconds."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

metadata = MetaData()

facts = Table(
    "facts",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)
"""`epoch`; `floor-<type>` and `floor-jobs`: up to where removals of a type, and jobs, are forgotten."""

heads = Table(
    "heads",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("number", BigInteger, nullable=False),
)
"""How far each kind of thing has come: `revision` counts revisions; others count their changes, jobs their entries.

The row `revision` is the lock that every change takes first, so that replicas of control change one after another.
"""

resources = Table(
    "resources",
    metadata,
    Column("type", String(32), primary_key=True),
    Column("name", String(512), primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("content", LargeBinary),
    Index("resources_by_number", "type", "number"),
)
"""What edges are to hold; `number` is the revision that last touched it, content NULL means removed then."""

revisions = Table(
    "revisions",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Float, nullable=False),
    Column("author", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("touched", Text, nullable=False),
)
"""Every change: when, by whom, why, what (JSON: counts and the first names)."""

details = Table(
    "details",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Float, nullable=False),
    Column("content", LargeBinary, nullable=False),
)
"""From what to what a revision changed each thing (see `control.desired.revision_diff`); forgotten after a time."""

cursors = Table(
    "cursors",
    metadata,
    Column("source", String(200), primary_key=True),
    Column("position", BigInteger, nullable=False),
)
"""How far the change log of each source is read."""

edges = Table(
    "edges",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("role", String(32), nullable=False),
    Column("region", String(64), nullable=False),
    Column("address", String(300), nullable=False),
    Column("admin", String(300), nullable=False),
    Column("last_seen", Float, nullable=False),
    Column("versions", Text, nullable=False),
    Column("pop", String(64), nullable=False, server_default=""),
    Column("capacity", BigInteger, nullable=False, server_default=text("0")),
    Column("release", String(64), nullable=False, server_default=""),
    Column("replica", String(64), nullable=False, server_default=""),
    Column("lease", Float, nullable=False, server_default=text("0")),
    Column("summary", Text, nullable=False, server_default="{}"),
)
"""What edges say: who they are, how far (`versions`, JSON), what they last reported (`summary`, JSON).

`replica` of control serves the edge, which is connected there until `lease` unless that is prolonged.
"""

nodes = Table(
    "nodes",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("role", String(32), nullable=False),
    Column("region", String(64), nullable=False),
    Column("pop", String(64), nullable=False),
    Column("group", String(64), nullable=False),
    Column("capacity", BigInteger, nullable=False),
    Column("drained", Float),
    Column("enrolled", Float),
    Column("certificate_ends", Float),
    Column("number", BigInteger, nullable=False),
    Column("address", String(300), nullable=False, server_default=""),
)
"""What operators say of nodes; `drained`: since when, NULL while it serves; `number`: the revision that changed it."""

groups = Table(
    "groups",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("role", String(32), nullable=False),
    Column("region", String(64), nullable=False),
    Column("pop", String(64), nullable=False),
    Column("capacity", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
)
"""Sets of nodes; what a node does not say of itself is its group's."""

jobs = Table(
    "jobs",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(32), nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("author", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("state", String(32), nullable=False),
    Column("changed", Float, nullable=False),
    Column("ended", Float),
    Column("note", Text, nullable=False, server_default=""),
    Index("jobs_by_state", "state", "seq"),
)
"""The log of purges and prefetches. `note` is JSON of its owner: who was to answer, who lags."""

receipts = Table(
    "receipts",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("edge", String(64), primary_key=True),
    Column("at", Float, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
)
"""What each edge has done of a job."""

tokens = Table(
    "tokens",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("id", String(64), nullable=False),
    Column("role", String(32), nullable=False),
    Column("region", String(64), nullable=False),
    Column("author", String(200), nullable=False),
    Column("at", Float, nullable=False),
    Column("expires", Float, nullable=False),
    Column("used", Float),
    Column("node_key", String(64)),
    Index("tokens_by_id", "id"),
)
"""Enrolment tokens by the hash of their secret, each good once; `used`: when it was, and
`node_key` (hash of a public key) by whom: a node that never got its answer may ask again."""

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("role", String(32), nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("author", String(200), nullable=False),
    Column("at", Float, nullable=False),
    Column("expires", Float),
    Column("last_used", Float),
    Column("revoked", Float),
)
"""The keys of operators and services; the secret itself is nowhere."""

audit = Table(
    "audit",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Float, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("action", String(64), nullable=False),
    Column("target", String(600), nullable=False),
    Column("before", Text),
    Column("after", Text),
    Column("reason", Text, nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("revision", BigInteger),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("peer", String(200), nullable=False, server_default=""),
    Column("key", String(16), nullable=False, server_default=""),
    Index("audit_by_time", "at"),
)
"""Who did what, from where (`peer`). `hash` is over the row and `previous`, the hash of the row before, by the
audit key of the id `key`; "": of a release that had none. Rows are added at the end, and removed at the beginning."""

audit_head = Table(
    "audit_head",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("first", BigInteger, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("key", String(16), nullable=False),
    Column("mac", String(64), nullable=False),
)
"""One row: where the audit log begins (`previous`: the hash before its first row) and ends, sealed by `mac`."""

shared = Table(
    "shared",
    metadata,
    Column("replica", String(64), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("at", Float, nullable=False),
    Column("content", LargeBinary, nullable=False),
)
"""What replicas of control tell one another, each its own rows (see `control.db.replica_notes`)."""

leases = Table(
    "leases",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("until", Float, nullable=False),
)
"""Which replica does what only one is to do."""
