"""Accounts, profiles, devices, refresh and reset tokens, revocations, and erasures still to do."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables. `email` and the names of devices are sealed where a key is set."""
    _make_accounts()
    _make_log_ins()
    _make_erasures()


def _make_accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("account_id", sa.Text, primary_key=True),
        sa.Column("email_lookup", sa.Text, nullable=False, unique=True),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("password", sa.Text, nullable=False),
        sa.Column("country", sa.Text),
        sa.Column("tier", sa.Text, nullable=False),
        sa.Column("streams", sa.Integer, nullable=False),
        sa.Column("plan_countries", sa.Text),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("disabled", sa.Integer, nullable=False, server_default="0"),
    )
    op.create_table(
        "profiles",
        sa.Column("profile_id", sa.Text, primary_key=True),
        sa.Column("account_id", sa.Text, nullable=False, index=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kids", sa.Integer, nullable=False),
        sa.Column("maturity", sa.Integer),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("subtitles", sa.Text, nullable=False),
        sa.Column("data_saver", sa.Integer, nullable=False),
        sa.Column("consent", sa.Integer, nullable=False),
    )
    op.create_table(
        "devices",
        sa.Column("device_id", sa.Text, primary_key=True),
        sa.Column("account_id", sa.Text, nullable=False, index=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("seen", sa.Float, nullable=False, index=True),
    )


def _make_log_ins() -> None:
    op.create_table(
        "refresh_tokens",
        sa.Column("token_hash", sa.Text, primary_key=True),
        sa.Column("family", sa.Text, nullable=False, index=True),
        sa.Column("account_id", sa.Text, nullable=False, index=True),
        sa.Column("device_id", sa.Text, nullable=False, index=True),
        sa.Column("issued", sa.Float, nullable=False),
        sa.Column("expires", sa.Float, nullable=False, index=True),
        sa.Column("used", sa.Float),
    )
    op.create_table(
        "revocations",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("family", sa.Text, nullable=False),
        sa.Column("at", sa.Float, nullable=False, index=True),
    )
    op.create_table(
        "reset_links",
        sa.Column("token_hash", sa.Text, primary_key=True),
        sa.Column("account_id", sa.Text, nullable=False, index=True),
        sa.Column("expires", sa.Float, nullable=False),
    )


def _make_erasures() -> None:
    op.create_table(
        "erasures",
        sa.Column("account_id", sa.Text, primary_key=True),
        sa.Column("profiles", sa.Text, nullable=False),
        sa.Column("requested", sa.Float, nullable=False),
        sa.Column("done", sa.Text, nullable=False),
        sa.Column("finished", sa.Float),
    )
