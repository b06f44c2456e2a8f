"""The first tables of search: clicks, pins, synonyms, queries without results."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table("facts", sa.Column("name", sa.Text, primary_key=True), sa.Column("value", sa.Text, nullable=False))
    op.create_table(
        "clicks",
        sa.Column("query", sa.Text, primary_key=True),
        sa.Column("content_id", sa.Text, primary_key=True),
        sa.Column("viewer", sa.Text, primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("country", sa.Text),
    )
    op.create_index("clicks_by_time", "clicks", ["at"])
    op.create_index("clicks_by_viewer", "clicks", ["viewer"])
    op.create_table(
        "pins",
        sa.Column("query", sa.Text, primary_key=True),
        sa.Column("place", sa.Integer, primary_key=True),
        sa.Column("content_id", sa.Text, nullable=False),
    )
    op.create_table(
        "synonyms", sa.Column("number", sa.Integer, primary_key=True), sa.Column("names", sa.Text, nullable=False)
    )
    op.create_table(
        "empty_queries",
        sa.Column("query", sa.Text, primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
