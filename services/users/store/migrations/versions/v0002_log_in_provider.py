"""Which log-in provider vouches for an account's address."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """NULL: nobody has; the account was made by a password and an address that was never verified."""
    op.add_column("accounts", sa.Column("provider", sa.Text))
