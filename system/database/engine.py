"""Connections to an SQLite file or a PostgreSQL server, under SQLAlchemy.

SQLite runs in WAL with synchronous=FULL: what was committed survives a power cut, and readers never wait for a writer.
Writers say BEGIN IMMEDIATE, so that two of them queue instead of failing halfway. A reading transaction sees one moment
on both engines.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import event
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from kernel.errors import BadSettings

CONNECT_SECONDS = 5.0
STATEMENT_SECONDS = 20.0
"""How long a statement may take. PostgreSQL ends the transaction of a process that stands still in it."""
MAX_CONNECTIONS = 10
BUSY_SECONDS = 15.0
"""How long an SQLite writer waits for the writer of another process."""


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """Where a database is: an SQLite file, or a `postgresql://[user@]host[:port]/name` with its password."""

    path: Path | None = None
    url: str = ""
    password: str | None = None

    @property
    def name(self) -> str:
        """The address as messages show it: no user, no password, no options."""
        if self.path is not None:
            return str(self.path)
        parts = urlsplit(self.url)
        return f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}"


def read_address(setting: str | None, default: Path, password_file: Path | None = None) -> DatabaseAddress:
    """Read the settings `database` (a path, a URL, or None for the `default` file) and `database_password_file`.

    Without a password file PostgreSQL's own ways are open (PGPASSWORD, .pgpass). Raises BadSettings.
    """
    if setting is None or "://" not in setting:
        if password_file is not None:
            raise BadSettings("database_password_file", "is for a postgresql:// database")
        return DatabaseAddress(Path(setting) if setting else default)
    try:
        parts = urlsplit(setting)
        port = parts.port
    except ValueError as error:
        raise BadSettings("database", f"is no URL: {error}") from None
    if parts.scheme not in ("postgresql", "postgres"):
        raise BadSettings("database", f"{parts.scheme}:// is not known: an SQLite file, or postgresql://host/name")
    if parts.password is not None or "password=" in parts.query:
        raise BadSettings(
            "database",
            "holds a password, which every user of the machine could read: use `database_password_file` or PGPASSWORD",
        )
    if not parts.path.strip("/") or port == 0:
        raise BadSettings("database", "names no database: postgresql://host/name")
    return DatabaseAddress(None, setting, _read_password(password_file))


def _read_password(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings("database_password_file", f"{path} cannot be read: {error}") from None
    if not text or len(text) > 1_000:
        raise BadSettings("database_password_file", f"{path} must hold one password")
    return text


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that is not connected yet.

    `listen(heard, lost)` opens a connection that calls `heard(payload)` at each notification on the channel, and
    `lost()` when it ends; close it at the end. None for SQLite, which has no notifications. `failures` are the errors
    of a database that fails or is away.
    """

    name: str
    engine: AsyncEngine
    listen: Callable[[Callable[[str], object], Callable[[], object]], Any] | None
    failures: tuple[type[Exception], ...]

    @property
    def writing(self) -> AsyncEngine:
        """For transactions that change something."""
        return self.engine.execution_options(writes=True)

    @property
    def reading(self) -> AsyncEngine:
        """For transactions that see one moment."""
        return self.engine.execution_options(isolation_level="REPEATABLE READ") if self.listen else self.engine

    def cause(self, error: BaseException) -> str:
        """What the database itself says, in one line."""
        original = getattr(error, "orig", None) or error
        return str(original).split("\n", 1)[0] or type(original).__name__


def open_engine(
    address: DatabaseAddress, application: str, channel: str = "matinee", schema: str = "", connections: int = 0
) -> Engine:
    """Make the engine of an address.

    `application` and `channel` (of notifications) are PostgreSQL's; `schema` is the one its tables are in, "" for the
    database's default. `connections` bounds the pool; 0 is the bound of the engine's kind.
    """
    if address.path is not None:
        return _sqlite(address.path, connections or MAX_CONNECTIONS)
    return _postgresql(address, application, channel, schema, connections or MAX_CONNECTIONS)


def _sqlite(path: Path, connections: int) -> Engine:
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        pool_size=connections,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
        connect_args={"timeout": BUSY_SECONDS},
    )
    event.listen(engine.sync_engine, "connect", set_up_sqlite)
    event.listen(engine.sync_engine, "begin", begin_sqlite)
    return Engine(str(path), engine, None, (SQLAlchemyError, OSError))


def set_up_sqlite(connection: Any, _record: object) -> None:
    """What each new connection to an SQLite file is told."""
    connection.isolation_level = None  # the driver would guess where BEGIN goes; begin_sqlite says it
    cursor = connection.cursor()
    # secure_delete: what was deleted is overwritten, so that a person's erasure reaches the file's free pages too.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def begin_sqlite(connection: Any) -> None:
    """Begin a transaction on SQLite: with `writes` among its options, as the only writer."""
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgresql(address: DatabaseAddress, application: str, channel: str, schema: str, connections: int) -> Engine:
    import asyncpg

    settings = {
        "application_name": application,
        "lock_timeout": "15s",
        "idle_in_transaction_session_timeout": "15s",
        "synchronous_commit": "on",
    }
    if schema:
        settings["search_path"] = schema

    async def connect() -> Any:
        return await asyncpg.connect(
            address.url,
            password=address.password,
            timeout=CONNECT_SECONDS,
            command_timeout=STATEMENT_SECONDS,
            server_settings=settings,
        )

    async def listen(heard: Callable[[str], object], lost: Callable[[], object]) -> Any:
        connection = await connect()
        connection.add_termination_listener(lambda _: lost())
        await connection.add_listener(channel, lambda _connection, _pid, _channel, payload: heard(payload))
        return connection

    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_size=connections,
        max_overflow=0,
        pool_pre_ping=True,
        pool_timeout=10,
    )
    failures = (SQLAlchemyError, OSError, TimeoutError, ssl.SSLError, asyncpg.PostgresError, asyncpg.InterfaceError)
    return Engine(address.name, engine, listen, failures)
