"""The first tables of catalogue: those of the releases before revisions were recorded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "facts",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "titles",
        sa.Column("content_id", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False, unique=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("year", sa.Integer),
        sa.Column("genres", sa.Text, nullable=False),
        sa.Column("cast_names", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("countries", sa.Text),
        sa.Column("rating", sa.Float),
        sa.Column("popularity", sa.Float, nullable=False),
        sa.Column("attribution", sa.Text, nullable=False, server_default=""),
        sa.Column("is_playable", sa.Integer, nullable=False, server_default="0"),
        sa.Column("playable", sa.Text),
        sa.Column("origin_seen", sa.Text),
    )
    op.create_index("titles_in_order", "titles", ["is_playable", "popularity", "content_id"])
