"""The tables of recommendations."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import BigInteger, Column, Float, Index, Integer, MetaData, SmallInteger, Table, Text

from system.database.migrations import Migrations, adopt_tables

tables = MetaData()
events = Table(
    "events",
    tables,
    Column("id", Integer, primary_key=True),
    Column("user", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("value", Float),
    Column("at", Float, nullable=False),
    Column("country", Text),
    Column("identity", BigInteger),
    Column("received", Float, nullable=False, server_default="0"),
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

MIGRATIONS = Migrations(tables, Path(__file__).with_name("migrations"), "0002", adopt_tables("events"))
