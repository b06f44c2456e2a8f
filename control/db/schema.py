"""The tables of control's database, as of the latest version in `control/db/migrations`. Times are Unix seconds."""

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
"""The latest number of each kind: `revision` of revisions, others of their changes, `log/jobs` of the job log.

The row `revision` is the lock that every change takes first, so replicas of control write one after another.
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
"""The desired state; `number`: the revision that last changed the resource; content NULL: it removed it."""

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
"""A revision's changes with values before and after (`control.desired.revision_diff`); deleted after a time."""

cursors = Table(
    "cursors",
    metadata,
    Column("source", String(200), primary_key=True),
    Column("position", BigInteger, nullable=False),
)
"""The position in each source's change log up to which it has been applied."""

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
"""Edges as they were last seen: hello, `versions` (JSON), last report (`summary`, JSON).

`replica`: where the edge is connected, until `lease`.
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
"""Nodes as operators describe them; `drained`: since when, NULL while it serves; `number`: its last revision."""

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
"""Sets of nodes; their values apply to nodes for which they are unset."""

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
"""The log of purges and prefetches. `note` (JSON): late shields, jobs that repeat this one or that it repeats."""

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
"""Each node's receipt of a job."""

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
"""Enrolment tokens by the hash of their secret; each works once.

`used`: when; `node_key`: hash of the public key that used it, for which a lost answer is repeated.
"""

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
"""API keys of operators; only a salted hash of the secret is stored."""

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
"""The audit log. `hash`: over the row and `previous`, the hash of the row before, by the audit key with the id `key`.

`key` "": from a release without audit keys. Rows are added at the end and pruned at the start.
"""

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
"""One row: where the audit log starts (`previous`: the hash before its first row) and ends, sealed by `mac`."""

shared = Table(
    "shared",
    metadata,
    Column("replica", String(64), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("at", Float, nullable=False),
    Column("content", LargeBinary, nullable=False),
)
"""Notes between replicas of control; each writes its own rows (`control.db.replica_notes`)."""

leases = Table(
    "leases",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("until", Float, nullable=False),
)
"""Leases on work that only one replica may do."""
