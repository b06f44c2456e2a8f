"""Playback follows more than ends: changed plans, profiles and passwords."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """`what` is a PlaybackChange; the orders of earlier releases were all to end playback."""
    op.add_column("playback_ends", sa.Column("what", sa.Text, nullable=False, server_default="end"))
