"""The audit log's rows say from where, under which key their hash is, and a head says where the log begins and ends.

Rows that are there keep `key` "": no migration knows the key. Control adopts them with the first row that it adds, by
one before it that says so (`control.db.audit_table`).
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns and the table."""
    op.add_column("audit", sa.Column("peer", sa.String(200), nullable=False, server_default=""))
    op.add_column("audit", sa.Column("key", sa.String(16), nullable=False, server_default=""))
    op.create_table(
        "audit_head",
        sa.Column("name", sa.String(16), primary_key=True),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("key", sa.String(16), nullable=False),
        sa.Column("mac", sa.String(64), nullable=False),
    )
