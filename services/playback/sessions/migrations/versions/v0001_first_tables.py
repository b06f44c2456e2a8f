"""The first tables of playback: those of the releases before revisions were recorded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "sessions",
        sa.Column("session_id", sa.Text, primary_key=True),
        sa.Column("content_id", sa.Text, nullable=False),
        sa.Column("viewer", sa.Text, nullable=False),
        sa.Column("started", sa.Float, nullable=False),
        sa.Column("expires", sa.Float, nullable=False),
        sa.Column("seen", sa.Float, nullable=False),
        sa.Column("position", sa.Float, nullable=False),
    )
    op.create_index("sessions_by_expiry", "sessions", ["expires"])
    op.create_index("sessions_by_seen", "sessions", ["seen"])
