"""Playback's database: sessions and how far each has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Column, Float, Index, MetaData, Table, Text, bindparam, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from services.storage.database import Database

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
    """A session at its start; times in Unix seconds."""

    session_id: str
    content_id: str
    viewer: str
    started: float
    expires: float


@dataclass(frozen=True, slots=True)
class PositionUpdate:
    """A heartbeat: the session has come to `position` seconds at `seen` (Unix seconds)."""

    session_id: str
    position: float
    seen: float


class PlaybackStore:
    """Sessions in DATA/playback.sqlite3, at most `most` of them."""

    def __init__(self, folder: Path, most: int) -> None:
        self._database = Database(folder / "playback.sqlite3", tables)
        self._most = most

    async def open(self) -> None:
        """Open or make the database. Raises StorageFailed."""
        await self._database.open()

    async def close(self) -> None:
        """Close the database."""
        await self._database.close()

    async def write(self, rows: Sequence[Session | PositionUpdate]) -> None:
        """Sessions and heartbeats, in their order within each kind, in one transaction."""
        starts = [row for row in rows if isinstance(row, Session)]
        beats = [row for row in rows if isinstance(row, PositionUpdate)]
        async with self._database.write() as connection:
            if starts:
                values = [
                    {"session_id": row.session_id, "content_id": row.content_id, "viewer": row.viewer}
                    | {"started": row.started, "expires": row.expires, "seen": row.started, "position": 0.0}
                    for row in starts
                ]
                await connection.execute(insert(sessions), values)
            if beats:
                beat = update(sessions).where(sessions.c.session_id == bindparam("session"))
                beat = beat.values(position=bindparam("at"), seen=bindparam("moment"))
                told = [{"session": row.session_id, "at": row.position, "moment": row.seen} for row in beats]
                await connection.execute(beat, told)

    async def get(self, session_id: str) -> Session | None:
        """One session."""
        query = select(sessions).where(sessions.c.session_id == session_id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            return None
        return Session(row["session_id"], row["content_id"], row["viewer"], row["started"], row["expires"])

    async def position(self, session_id: str) -> float | None:
        """How far a session has come, in seconds."""
        query = select(sessions.c.position).where(sessions.c.session_id == session_id)
        async with self._database.read() as connection:
            return (await connection.execute(query)).scalar_one_or_none()

    async def delete_expired(self, now: float) -> int:
        """Forget expired sessions, and the longest unseen above the bound; how many are left."""
        async with self._database.write() as connection:
            await connection.execute(delete(sessions).where(sessions.c.expires < now))
            count = (await connection.execute(select(func.count()).select_from(sessions))).scalar_one()
            if count > self._most:
                oldest = select(sessions.c.session_id).order_by(sessions.c.seen).limit(count - self._most)
                await connection.execute(delete(sessions).where(sessions.c.session_id.in_(oldest)))
        return min(count, self._most)
