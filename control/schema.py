"""The tables of control's database."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, LargeBinary, MetaData, String, Table, Text

SCHEMA = "1"
"""Changes when the tables do; a database of another schema is refused."""

metadata = MetaData()

facts = Table(
    "facts",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)
"""`schema` and `epoch`."""

resources = Table(
    "resources",
    metadata,
    Column("type", String(32), primary_key=True),
    Column("name", String(512), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("content", LargeBinary),
    Index("resources_by_number", "type", "number"),
)
"""What edges are to hold; `number` is the revision that last touched it, content NULL means removed then."""

revisions = Table(
    "revisions",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Float, nullable=False),
    Column("author", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("touched", Text, nullable=False),
)
"""Every change: when (Unix seconds), by whom, why, what."""

cursors = Table(
    "cursors",
    metadata,
    Column("source", String(200), primary_key=True),
    Column("position", Integer, nullable=False),
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
)
"""The edges that ever said hello, and how far they were when last heard."""
