"""The origins that share the queue, and which of them holds an upload."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Uploads of the time before belong to whichever origin has their files: `""`."""
    op.create_table(
        "homes",
        sa.Column("home", sa.Text, primary_key=True),
        sa.Column("seen", sa.Float, nullable=False),
    )
    op.add_column("uploads", sa.Column("home", sa.Text, nullable=False, server_default=""))
