"""Where control keeps its state: an SQLite file, or a database of a PostgreSQL server that replicas of control share.

A transaction of `writing` holds SQLite's one write lock from its beginning; one of `reading` sees one moment.
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
"""PostgreSQL's channel on which replicas tell one another that something has changed."""
CONNECT_SECONDS = 5.0
STATEMENT_SECONDS = 20.0
"""Seconds a statement may take. A replica that stands still in a transaction is thrown out of it by the server."""
_SERVER = {
    "application_name": "matinee control",
    "lock_timeout": "15s",
    "idle_in_transaction_session_timeout": "15s",
    "synchronous_commit": "on",
}


@dataclass(frozen=True, slots=True)
class Database:
    """A database that is not opened yet. `name` is for messages: a file, or the server's address without a password.

    `listen` calls back whenever a replica has changed something, with who it was, and gives what to close at the end;
    None where there are no replicas. `failures` is what a database that fails or is away raises.
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
        told = getattr(error, "orig", None) or error
        return str(told).split("\n", 1)[0] or type(told).__name__


def sqlite(path: Path) -> Database:
    """A file, made at the first connection."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
    event.listen(engine.sync_engine, "connect", _set_up_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return Database(str(path), engine, None, (SQLAlchemyError, OSError))


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # BEGIN is said by us (below), not guessed by the driver
    cursor = connection.cursor()
    for pragma in ("busy_timeout=5000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def postgresql(url: str, password: str | None = None) -> Database:
    """`postgresql://[user@]host[:port]/name[?sslmode=…]`; without a password libpq's ways are gone (PGPASSWORD)."""
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
