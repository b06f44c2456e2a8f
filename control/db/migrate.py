"""Migrate a database's tables to this release: forward only, in one transaction, one replica at a time."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from control.db.schema import metadata
from kernel.errors import StorageFailed

FOLDER = Path(__file__).with_name("migrations")
HEAD = "0004"
"""The latest of the versions in FOLDER."""

_LOCK = 0x6D61_7469_6E65_65
"""PostgreSQL's advisory lock held during a migration ("matinee")."""


async def migrate(connection: AsyncConnection) -> None:
    """Migrate within the caller's writing transaction. Raises StorageFailed for a newer database."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    await connection.run_sync(_migrate)


def _migrate(connection: Connection) -> None:
    held = _current_version(connection)
    if held == HEAD:
        return
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(FOLDER))
    if held and held not in {one.revision for one in script.walk_revisions()}:
        raise StorageFailed(
            f"made by a newer release (its tables are of version {held}, this one knows them up to {HEAD}): "
            "start the newer release, or restore a copy from before it"
        )
    with EnvironmentContext(Config(), script, fn=lambda at, _: script._upgrade_revs(HEAD, at)) as context:
        context.configure(connection=connection, target_metadata=metadata)
        if held:
            context.get_context().stamp(script, held)
        context.run_migrations()


def _current_version(connection: Connection) -> str:
    """The version of the tables; "" for an empty database. Schema "1" had no versions and counts as "0001"."""
    tables = set(inspect(connection).get_table_names())
    if "alembic_version" in tables:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""
    if "facts" not in tables:
        return ""
    schema = connection.execute(text("SELECT value FROM facts WHERE name = 'schema'")).scalar()
    if schema not in (None, "1"):
        raise StorageFailed(f"its tables are of schema {schema!r}, which no release has made")
    return "0001"
