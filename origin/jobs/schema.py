"""The tables of the job queue."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, MetaData, Table, Text, UniqueConstraint

from system.database.migrations import Migrations

_NUMBER = BigInteger().with_variant(Integer, "sqlite")

tables = MetaData()
contents = Table(
    "contents",
    tables,
    Column("content_id", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("title", Text),
    Column("metadata", Text, nullable=False),
    Column("location", Text),
    Column("source", Text),
    Column("source_bytes", BigInteger),
    Column("profiles", Text, nullable=False),
    Column("published", Float),
    Column("created", Float, nullable=False),
    Column("changed", Float, nullable=False, index=True),
)
jobs = Table(
    "jobs",
    tables,
    Column("number", _NUMBER, primary_key=True, autoincrement=True),
    Column("job_id", Text, nullable=False, unique=True),
    Column("content_id", Text, ForeignKey("contents.content_id"), nullable=False, index=True),
    Column("state", Text, nullable=False),
    Column("home", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("request", Text, nullable=False),
    Column("plan", Text),
    Column("reason", Text),
    Column("detail", Text),
    Column("created", Float, nullable=False),
    Column("started", Float),
    Column("finished", Float),
    Column("changed", Float, nullable=False),
    Index("jobs_by_state", "state", "finished"),
)
steps = Table(
    "steps",
    tables,
    Column("job_id", Text, ForeignKey("jobs.job_id", ondelete="CASCADE"), primary_key=True),
    Column("step_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("spec", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("unmet", Integer, nullable=False),
    Column("weight", Float, nullable=False),
    Column("progress", Float, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("losses", Integer, nullable=False),
    Column("not_before", Float, nullable=False),
    Column("worker", Text),
    Column("token", Text),
    Column("lease_until", Float),
    Column("result", Text),
    Column("reason", Text),
    Column("detail", Text),
    Column("started", Float),
    Column("finished", Float),
    Column("progressed", Float),
    Index("steps_by_state", "state", "kind", "not_before"),
    Index("steps_by_lease", "state", "lease_until"),
)
needs = Table(
    "needs",
    tables,
    Column("job_id", Text, ForeignKey("jobs.job_id", ondelete="CASCADE"), nullable=False),
    Column("step_id", Text, nullable=False),
    Column("needed", Text, nullable=False),
    UniqueConstraint("job_id", "needed", "step_id"),
)
workers = Table(
    "workers",
    tables,
    Column("worker", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("kinds", Text, nullable=False),
    Column("seen", Float, nullable=False, index=True),
)
homes = Table(
    "homes",
    tables,
    Column("home", Text, primary_key=True),
    Column("seen", Float, nullable=False),
)
alerts = Table(
    "alerts",
    tables,
    Column("number", _NUMBER, primary_key=True, autoincrement=True),
    Column("at", Float, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("content_id", Text),
    Column("job_id", Text),
    Column("step_id", Text),
    Column("detail", Text, nullable=False),
)
uploads = Table(
    "uploads",
    tables,
    Column("upload_id", Text, primary_key=True),
    Column("content_id", Text, index=True),
    Column("job_id", Text),
    Column("length", BigInteger),
    Column("received", BigInteger, nullable=False),
    Column("metadata", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("expires", Float, nullable=False, index=True),
    Column("finished", Float),
    Column("home", Text, nullable=False, server_default=""),
)

MIGRATIONS = Migrations(tables, Path(__file__).with_name("migrations"), "0002")
