"""The tables of recommendations."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import BigInteger, Column, Float, Index, Integer, MetaData, SmallInteger, Table, Text

from system.database.migrations import Migrations, adopt_tables

tables = MetaData()
events = Table(
    "events",
    tables,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("user", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("value", Float),
    Column("at", Float, nullable=False),
    Column("country", Text),
    Column("identity", BigInteger),
    Column("received", Float, nullable=False, server_default="0"),
    Column("seconds", Float),
    # Readers go on after the number that they have seen: those of erased events must not come again.
    sqlite_autoincrement=True,
)
Index("events_by_user", events.c.user, events.c.at)
Index("events_by_identity", events.c.identity, unique=True)
marks = Table(
    "marks",
    tables,
    Column("user", Text, primary_key=True),
    Column("content", Text, primary_key=True),
    Column("verdict", SmallInteger, nullable=False),
    Column("verdict_at", Float, nullable=False),
    Column("viewed", SmallInteger, nullable=False),
    Column("clicked", SmallInteger, nullable=False),
    Column("share", Float, nullable=False),
    Column("at", Float, nullable=False),
    Column("country", Text, nullable=False),
    Column("received", Float, nullable=False),
    sqlite_with_rowid=False,
)
facts = Table("facts", tables, Column("name", Text, primary_key=True), Column("value", BigInteger, nullable=False))
curated = Table("curated", tables, Column("row_id", Text, primary_key=True), Column("body", Text, nullable=False))

experiments = Table(
    "experiments",
    tables,
    Column("experiment_id", Text, primary_key=True),
    Column("body", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("salt", Text, nullable=False),
    Column("first_slot", Integer, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("started", Float),
    Column("stopped", Float),
)
exposures = Table(
    "exposures",
    tables,
    Column("experiment_id", Text, primary_key=True),
    Column("user", Text, primary_key=True),
    Column("arm", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("propensity", Float, nullable=False),
    Column("country", Text, nullable=False),
    Column("surface", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("several", SmallInteger, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
)
Index("exposures_by_user", exposures.c.user)
draws = Table(
    "draws",
    tables,
    Column("draw_id", Text, primary_key=True),
    Column("user", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("propensity", Float, nullable=False),
    Column("choices", Text, nullable=False),
    Column("version", Text, nullable=False),
    sqlite_with_rowid=False,
)
Index("draws_by_user", draws.c.user)
Index("draws_by_time", draws.c.at)

MIGRATIONS = Migrations(tables, Path(__file__).with_name("migrations"), "0003", adopt_tables("events"))
