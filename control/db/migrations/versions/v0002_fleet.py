"""A fleet and several replicas of control: heads, details of revisions, nodes, jobs, keys, an audit log."""

from __future__ import annotations

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables, and take over what schema "1" held."""
    _heads()
    _edges()
    _nodes()
    _jobs()
    _keys()
    _audit()
    _replicas()


def _heads() -> None:
    op.create_table(
        "heads",
        sa.Column("kind", sa.String(32), primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "details",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.execute("INSERT INTO heads SELECT 'revision', COALESCE(MAX(number), 0) FROM revisions")
    op.execute("DELETE FROM facts WHERE name = 'schema'")
    epoch = sa.text(
        "INSERT INTO facts SELECT 'epoch', :epoch WHERE NOT EXISTS (SELECT 1 FROM facts WHERE name='epoch')"
    )
    op.execute(epoch.bindparams(epoch=uuid4().hex))
    op.execute(f"INSERT INTO facts VALUES ('schema', '{revision}')")  # noqa: S608 (for the first release, which reads it)


def _edges() -> None:
    for name, kind, default in (
        ("pop", sa.String(64), ""),
        ("capacity", sa.BigInteger(), sa.text("0")),
        ("release", sa.String(64), ""),
        ("replica", sa.String(64), ""),
        ("lease", sa.Float(), sa.text("0")),
        ("summary", sa.Text(), "{}"),
    ):
        op.add_column("edges", sa.Column(name, kind, nullable=False, server_default=default))


def _nodes() -> None:
    op.create_table(
        "nodes",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("region", sa.String(64), nullable=False),
        sa.Column("pop", sa.String(64), nullable=False),
        sa.Column("group", sa.String(64), nullable=False),
        sa.Column("capacity", sa.BigInteger, nullable=False),
        sa.Column("drained", sa.Float),
        sa.Column("enrolled", sa.Float),
        sa.Column("certificate_ends", sa.Float),
        sa.Column("number", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "groups",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("region", sa.String(64), nullable=False),
        sa.Column("pop", sa.String(64), nullable=False),
        sa.Column("capacity", sa.BigInteger, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
    )


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("author", sa.String(200), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("changed", sa.Float, nullable=False),
        sa.Column("ended", sa.Float),
        sa.Column("note", sa.Text, nullable=False, server_default=""),
    )
    op.create_index("jobs_by_state", "jobs", ["state", "seq"])
    op.create_table(
        "receipts",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("edge", sa.String(64), primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
    )


def _keys() -> None:
    op.create_table(
        "tokens",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("region", sa.String(64), nullable=False),
        sa.Column("author", sa.String(200), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("expires", sa.Float, nullable=False),
        sa.Column("used", sa.Float),
        sa.Column("node_key", sa.String(64)),
    )
    op.create_index("tokens_by_id", "tokens", ["id"])
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("author", sa.String(200), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("expires", sa.Float),
        sa.Column("last_used", sa.Float),
        sa.Column("revoked", sa.Float),
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("target", sa.String(600), nullable=False),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("revision", sa.BigInteger),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_index("audit_by_time", "audit", ["at"])


def _replicas() -> None:
    op.create_table(
        "shared",
        sa.Column("replica", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("until", sa.Float, nullable=False),
    )
