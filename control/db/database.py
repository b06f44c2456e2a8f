"""Control's database, an SQLite file or a PostgreSQL database that replicas share, and the history of its tables."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from control.db.schema import metadata
from kernel.errors import StorageFailed
from system.database.engine import DatabaseAddress, Engine, open_engine
from system.database.migrations import Migrations

CHANNEL = "matinee"
"""The channel of NOTIFY on which replicas announce changes."""


def open_database(address: DatabaseAddress) -> Engine:
    """The engine of control's database; nothing connects yet."""
    return open_engine(address, "matinee control", CHANNEL)


def _find_baseline(connection: Connection) -> str:
    """The revision of tables that record none. Schema "1", of the first release, is revision "0001"."""
    if "facts" not in inspect(connection).get_table_names():
        return ""
    schema = connection.execute(text("SELECT value FROM facts WHERE name = 'schema'")).scalar()
    if schema not in (None, "1"):
        raise StorageFailed(f"its tables are of schema {schema!r}, which no release has made")
    return "0001"


MIGRATIONS = Migrations(metadata, Path(__file__).with_name("migrations"), "0004", _find_baseline)
