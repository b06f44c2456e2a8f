"""Series, seasons and episodes; licence windows in time; people, tiers, artwork; titles that were deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns; `details` is JSON of what is only shown, `windows` JSON of a licence that changes with time."""
    op.add_column("titles", sa.Column("kind", sa.Text, nullable=False, server_default="film"))
    op.add_column("titles", sa.Column("parent", sa.Text))
    op.add_column("titles", sa.Column("number", sa.Integer))
    op.add_column("titles", sa.Column("details", sa.Text, nullable=False, server_default="{}"))
    op.add_column("titles", sa.Column("windows", sa.Text))
    op.add_column("titles", sa.Column("next_change", sa.Float))
    op.add_column("titles", sa.Column("is_deleted", sa.Integer, nullable=False, server_default="0"))
    op.create_index("titles_by_next_change", "titles", ["next_change"])
    op.create_index("titles_by_parent", "titles", ["parent", "number", "content_id"])
