"""Brings a database's tables to the version that this release expects: forward only, all or nothing, one at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, MetaData, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from kernel.errors import StorageFailed

_LOCK = 0x6D61_7469_6E65_65
"""PostgreSQL's advisory lock that a migrating process holds ("matinee")."""


@dataclass(frozen=True, slots=True)
class Migrations:
    """The tables of one program or service, and the folder of Alembic revisions that make them.

    `head` names the latest revision. `baseline` returns the revision of tables that were made before revisions were
    recorded, or "" where there are none.
    """

    tables: MetaData
    folder: Path
    head: str
    baseline: Callable[[Connection], str] = lambda _: ""


async def migrate(connection: AsyncConnection, migrations: Migrations, schema: str = "") -> None:
    """Migrate within the caller's transaction, on SQLite a writing one. Raises StorageFailed for a newer database.

    `schema` is PostgreSQL's schema of the tables, made when it is absent.
    """
    if connection.dialect.name == "postgresql":
        # Two processes that start at once: the second one waits, and finds the work done.
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        if schema:
            await connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
    await connection.run_sync(_migrate, migrations)


def _migrate(connection: Connection, migrations: Migrations) -> None:
    held = _held_revision(connection, migrations)
    if held == migrations.head:
        return
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(migrations.folder))
    if held and held not in {one.revision for one in script.walk_revisions()}:
        raise StorageFailed(
            f"made by a newer release (its tables are of version {held}, this one knows them up to {migrations.head}): "
            "start the newer release, or restore a copy from before it"
        )
    upgrade = lambda at, _: script._upgrade_revs(migrations.head, at)  # noqa: E731 (as Alembic's own commands)
    with EnvironmentContext(Config(), script, fn=upgrade) as context:
        context.configure(connection=connection, target_metadata=migrations.tables)
        if held:
            context.get_context().stamp(script, held)
        context.run_migrations()


def _held_revision(connection: Connection, migrations: Migrations) -> str:
    if "alembic_version" in inspect(connection).get_table_names():
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""
    return migrations.baseline(connection)


def adopt_tables(name: str, revision: str = "0001") -> Callable[[Connection], str]:
    """A `baseline`: a database that has this table, and records no revision, is of that revision."""

    def find_revision(connection: Connection) -> str:
        return revision if name in inspect(connection).get_table_names() else ""

    return find_revision
