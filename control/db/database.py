"""Control's database: an SQLite file, or a PostgreSQL database that replicas of control share.

A transaction of `writing` holds SQLite's write lock from its start; one of `reading` sees a snapshot.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from kernel.errors import BadSettings

CHANNEL = "matinee"
"""The channel of NOTIFY on which replicas announce changes."""
CONNECT_SECONDS = 5.0
STATEMENT_SECONDS = 20.0
"""Seconds a statement may take. The server aborts the transaction of a replica that stalls in it."""
_SERVER = {
    "application_name": "matinee control",
    "lock_timeout": "15s",
    "idle_in_transaction_session_timeout": "15s",
    "synchronous_commit": "on",
}


@dataclass(frozen=True, slots=True)
class Database:
    """A database that is not opened yet. `name`, for messages: the file, or the server's address without a password.

    `listen` calls back with a replica's id whenever it has changed something, and returns a connection to close; None
    without replicas. `failures`: the exceptions of a database that fails or is unavailable.
    """

    name: str
    engine: AsyncEngine
    listen: Callable[[Callable[[str], object], Callable[[], object]], Any] | None
    failures: tuple[type[Exception], ...]

    @property
    def writing(self) -> AsyncEngine:
        """The engine for transactions that write."""
        return self.engine.execution_options(writes=True)

    @property
    def reading(self) -> AsyncEngine:
        """The engine for transactions that read a snapshot."""
        return self.engine.execution_options(isolation_level="REPEATABLE READ") if self.listen else self.engine

    def cause(self, error: BaseException) -> str:
        """The database's own message, in one line."""
        cause = getattr(error, "orig", None) or error
        return str(cause).split("\n", 1)[0] or type(cause).__name__


def sqlite(path: Path) -> Database:
    """An SQLite file, made at the first connection."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
    event.listen(engine.sync_engine, "connect", _set_up_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return Database(str(path), engine, None, (SQLAlchemyError, OSError))


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we send BEGIN (below); the driver must not guess it
    cursor = connection.cursor()
    for pragma in ("busy_timeout=5000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def postgresql(url: str, password: str | None = None) -> Database:
    """`postgresql://[user@]host[:port]/name[?sslmode=…]`; without a password as libpq does (PGPASSWORD)."""
    import asyncpg

    async def connect() -> Any:
        return await asyncpg.connect(
            url, password=password, timeout=CONNECT_SECONDS, command_timeout=STATEMENT_SECONDS, server_settings=_SERVER
        )

    async def listen(heard: Callable[[str], object], lost: Callable[[], object]) -> Any:
        connection = await connect()
        connection.add_termination_listener(lambda _: lost())
        await connection.add_listener(CHANNEL, lambda _connection, _pid, _channel, payload: heard(payload))
        return connection

    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=connect, pool_size=5, max_overflow=5, pool_pre_ping=True, pool_timeout=10
    )
    parts = urlsplit(url)
    name = f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}"
    failures = (SQLAlchemyError, OSError, TimeoutError, ssl.SSLError, asyncpg.PostgresError, asyncpg.InterfaceError)
    return Database(name, engine, listen, failures)


def database_of(setting: str | None, folder: Path, password_file: Path | None = None) -> Database:
    """The database that the settings `database` and `database_password_file` name. Raises BadSettings."""
    if setting is None or "://" not in setting:
        if password_file is not None:
            raise BadSettings("database_password_file", "is for a postgresql:// database")
        return sqlite(Path(setting) if setting else folder / "control.sqlite3")
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
    return postgresql(setting, _password(password_file))


def _password(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings("database_password_file", f"{path} cannot be read: {error}") from None
    if not text or len(text) > 1_000:
        raise BadSettings("database_password_file", f"{path} must hold one password")
    return text
