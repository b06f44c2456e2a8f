"""Playback's database: sessions and their positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Column, Float, Index, MetaData, Table, Text, bindparam, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from system.database.database import Database
from system.database.engine import DatabaseAddress
from system.database.migrations import Migrations, adopt_tables

tables = MetaData()
sessions = Table(
    "sessions",
    tables,
    Column("session_id", Text, primary_key=True),
    Column("content_id", Text, nullable=False),
    Column("viewer", Text, nullable=False),
    Column("started", Float, nullable=False),
    Column("expires", Float, nullable=False),
    Column("seen", Float, nullable=False),
    Column("position", Float, nullable=False),
)
Index("sessions_by_seen", sessions.c.seen)
Index("sessions_by_expiry", sessions.c.expires)


@dataclass(frozen=True, slots=True)
class Session:
    """A new session; times in Unix seconds, `viewer` is "" for operators."""

    session_id: str
    content_id: str
    viewer: str
    started: float
    expires: float


@dataclass(frozen=True, slots=True)
class PositionUpdate:
    """A heartbeat: the session was at `position` seconds at `seen` (Unix seconds)."""

    session_id: str
    position: float
    seen: float


MIGRATIONS = Migrations(tables, Path(__file__).with_name("migrations"), "0001", adopt_tables("sessions"))


class PlaybackStore:
    """Sessions, at most `max_sessions`."""

    def __init__(self, address: DatabaseAddress, max_sessions: int) -> None:
        self._database = Database(address, MIGRATIONS, "playback")
        self._max_sessions = max_sessions

    async def open(self) -> None:
        """Open or create the database. Raises StorageFailed."""
        await self._database.open()

    async def close(self) -> None:
        """Close the database."""
        await self._database.close()

    async def write(self, rows: Sequence[Session | PositionUpdate]) -> None:
        """Write sessions, then position updates, in one transaction."""
        starts = [row for row in rows if isinstance(row, Session)]
        updates = [row for row in rows if isinstance(row, PositionUpdate)]
        async with self._database.write() as connection:
            if starts:
                values = [
                    {"session_id": row.session_id, "content_id": row.content_id, "viewer": row.viewer}
                    | {"started": row.started, "expires": row.expires, "seen": row.started, "position": 0.0}
                    for row in starts
                ]
                await connection.execute(insert(sessions), values)
            if updates:
                statement = update(sessions).where(sessions.c.session_id == bindparam("session"))
                statement = statement.values(position=bindparam("at"), seen=bindparam("moment"))
                values = [{"session": row.session_id, "at": row.position, "moment": row.seen} for row in updates]
                await connection.execute(statement, values)

    async def get(self, session_id: str) -> Session | None:
        """A session; None if there is none with this id."""
        query = select(sessions).where(sessions.c.session_id == session_id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            return None
        return Session(row["session_id"], row["content_id"], row["viewer"], row["started"], row["expires"])

    async def position(self, session_id: str) -> float | None:
        """A session's position in seconds; None if there is no such session."""
        query = select(sessions.c.position).where(sessions.c.session_id == session_id)
        async with self._database.read() as connection:
            return (await connection.execute(query)).scalar_one_or_none()

    async def delete_expired(self, now: float) -> int:
        """Delete expired sessions, and the least recently seen ones above the bound. Returns how many are left."""
        async with self._database.write() as connection:
            await connection.execute(delete(sessions).where(sessions.c.expires < now))
            count = (await connection.execute(select(func.count()).select_from(sessions))).scalar_one()
            if count > self._max_sessions:
                oldest = select(sessions.c.session_id).order_by(sessions.c.seen).limit(count - self._max_sessions)
                await connection.execute(delete(sessions).where(sessions.c.session_id.in_(oldest)))
        return min(count, self._max_sessions)
