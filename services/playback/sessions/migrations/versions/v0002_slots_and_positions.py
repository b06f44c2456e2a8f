"""Sessions of accounts with their slots, positions of profiles, revocations that control has not confirmed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Change the tables."""
    for name in ("profile_id", "device_id", "device_name", "ended"):
        op.add_column("sessions", sa.Column(name, sa.Text, nullable=False, server_default=""))
    # The sessions of earlier releases were of guests and operators, whose tokens had no tier.
    for name in ("tier", "plan_tier"):
        op.add_column("sessions", sa.Column(name, sa.Text, nullable=False, server_default="sd"))
    for name in ("duration", "clock"):
        op.add_column("sessions", sa.Column(name, sa.Float, nullable=False, server_default="0"))
    op.add_column("sessions", sa.Column("consent", sa.Integer, nullable=False, server_default="0"))
    op.create_index("sessions_by_viewer", "sessions", ["viewer"])
    op.create_index("sessions_by_profile", "sessions", ["profile_id"])
    op.create_table(
        "positions",
        sa.Column("profile_id", sa.Text, primary_key=True),
        sa.Column("content_id", sa.Text, primary_key=True),
        sa.Column("position", sa.Float, nullable=False),
        sa.Column("duration", sa.Float, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
    op.create_index("positions_by_time", "positions", ["profile_id", "at"])
    op.create_table(
        "revocations",
        sa.Column("session_id", sa.Text, primary_key=True),
        sa.Column("expires", sa.Float, nullable=False),
    )
