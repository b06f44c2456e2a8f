"""Titles, jobs, steps and what they need, workers, alerts, uploads."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _make_jobs()
    _make_steps()
    _make_others()


def _make_jobs() -> None:
    op.create_table(
        "contents",
        sa.Column("content_id", sa.Text, primary_key=True),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("title", sa.Text),
        sa.Column("metadata", sa.Text, nullable=False),
        sa.Column("location", sa.Text),
        sa.Column("source", sa.Text),
        sa.Column("source_bytes", sa.BigInteger),
        sa.Column("profiles", sa.Text, nullable=False),
        sa.Column("published", sa.Float),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("changed", sa.Float, nullable=False, index=True),
    )
    op.create_table(
        "jobs",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("job_id", sa.Text, nullable=False, unique=True),
        sa.Column("content_id", sa.Text, sa.ForeignKey("contents.content_id"), nullable=False, index=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("home", sa.Text, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("plan", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("detail", sa.Text),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("started", sa.Float),
        sa.Column("finished", sa.Float),
        sa.Column("changed", sa.Float, nullable=False),
    )
    op.create_index("jobs_by_state", "jobs", ["state", "finished"])


def _make_steps() -> None:
    op.create_table(
        "steps",
        sa.Column("job_id", sa.Text, sa.ForeignKey("jobs.job_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("step_id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("spec", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("unmet", sa.Integer, nullable=False),
        sa.Column("weight", sa.Float, nullable=False),
        sa.Column("progress", sa.Float, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("losses", sa.Integer, nullable=False),
        sa.Column("not_before", sa.Float, nullable=False),
        sa.Column("worker", sa.Text),
        sa.Column("token", sa.Text),
        sa.Column("lease_until", sa.Float),
        sa.Column("result", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("detail", sa.Text),
        sa.Column("started", sa.Float),
        sa.Column("finished", sa.Float),
        sa.Column("progressed", sa.Float),
    )
    op.create_index("steps_by_state", "steps", ["state", "kind", "not_before"])
    op.create_index("steps_by_lease", "steps", ["state", "lease_until"])
    op.create_table(
        "needs",
        sa.Column("job_id", sa.Text, sa.ForeignKey("jobs.job_id", ondelete="CASCADE"), nullable=False),
        sa.Column("step_id", sa.Text, nullable=False),
        sa.Column("needed", sa.Text, nullable=False),
        sa.UniqueConstraint("job_id", "needed", "step_id"),
    )


def _make_others() -> None:
    op.create_table(
        "workers",
        sa.Column("worker", sa.Text, primary_key=True),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("kinds", sa.Text, nullable=False),
        sa.Column("seen", sa.Float, nullable=False, index=True),
    )
    op.create_table(
        "alerts",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("at", sa.Float, nullable=False, index=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("content_id", sa.Text),
        sa.Column("job_id", sa.Text),
        sa.Column("step_id", sa.Text),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.create_table(
        "uploads",
        sa.Column("upload_id", sa.Text, primary_key=True),
        sa.Column("content_id", sa.Text, index=True),
        sa.Column("job_id", sa.Text),
        sa.Column("length", sa.BigInteger),
        sa.Column("received", sa.BigInteger, nullable=False),
        sa.Column("metadata", sa.Text, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("expires", sa.Float, nullable=False, index=True),
        sa.Column("finished", sa.Float),
    )
