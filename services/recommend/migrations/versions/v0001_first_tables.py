"""The first tables of recommend: those of the releases before revisions were recorded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "events",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("value", sa.Float),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("country", sa.Text),
    )
    op.create_index("events_by_user", "events", ["user", "at"])
