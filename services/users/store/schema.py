"""The tables of accounts."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Integer, MetaData, Table, Text

tables = MetaData()
accounts = Table(
    "accounts",
    tables,
    Column("account_id", Text, primary_key=True),
    Column("email_lookup", Text, nullable=False, unique=True),
    Column("email", Text, nullable=False),
    Column("password", Text, nullable=False),
    Column("country", Text),
    Column("tier", Text, nullable=False),
    Column("streams", Integer, nullable=False),
    Column("plan_countries", Text),
    Column("created", Float, nullable=False),
    Column("disabled", Integer, nullable=False, server_default="0"),
    Column("provider", Text),
)
profiles = Table(
    "profiles",
    tables,
    Column("profile_id", Text, primary_key=True),
    Column("account_id", Text, nullable=False, index=True),
    Column("number", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("kids", Integer, nullable=False),
    Column("maturity", Integer),
    Column("language", Text, nullable=False),
    Column("subtitles", Text, nullable=False),
    Column("data_saver", Integer, nullable=False),
    Column("consent", Integer, nullable=False),
)
devices = Table(
    "devices",
    tables,
    Column("device_id", Text, primary_key=True),
    Column("account_id", Text, nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("seen", Float, nullable=False, index=True),
)
refresh_tokens = Table(
    "refresh_tokens",
    tables,
    Column("token_hash", Text, primary_key=True),
    Column("family", Text, nullable=False, index=True),
    Column("account_id", Text, nullable=False, index=True),
    Column("device_id", Text, nullable=False, index=True),
    Column("issued", Float, nullable=False),
    Column("expires", Float, nullable=False, index=True),
    Column("used", Float),
)
revocations = Table(
    "revocations",
    tables,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("family", Text, nullable=False),
    Column("at", Float, nullable=False, index=True),
)
reset_links = Table(
    "reset_links",
    tables,
    Column("token_hash", Text, primary_key=True),
    Column("account_id", Text, nullable=False, index=True),
    Column("expires", Float, nullable=False),
)
playback_ends = Table(
    "playback_ends",
    tables,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("account_id", Text, nullable=False),
    Column("device_id", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("what", Text, nullable=False, server_default="end"),
)
erasures = Table(
    "erasures",
    tables,
    Column("account_id", Text, primary_key=True),
    Column("profiles", Text, nullable=False),
    Column("requested", Float, nullable=False),
    Column("done", Text, nullable=False),
    Column("finished", Float),
)
