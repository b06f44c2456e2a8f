"""Playback's database: sessions, positions, and revocations on their way to control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, fields
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Float,
    Index,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    tuple_,
    update,
)

from kernel.vocabulary import Tier
from services.playback.sessions.session import (
    Change,
    EndReason,
    Outcome,
    Position,
    Revocation,
    Session,
    SessionBatch,
    named_accounts,
    named_positions,
    named_sessions,
)
from services.playback.sessions.session_store import MAX_POSITIONS
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
    Column("profile_id", Text, nullable=False, server_default=""),
    Column("device_id", Text, nullable=False, server_default=""),
    Column("device_name", Text, nullable=False, server_default=""),
    Column("ended", Text, nullable=False, server_default=""),
    Column("tier", Text, nullable=False, server_default="sd"),
    Column("plan_tier", Text, nullable=False, server_default="sd"),
    Column("duration", Float, nullable=False, server_default="0"),
    Column("clock", Float, nullable=False, server_default="0"),
    Column("consent", Integer, nullable=False, server_default="0"),
)
Index("sessions_by_seen", sessions.c.seen)
Index("sessions_by_expiry", sessions.c.expires)
Index("sessions_by_viewer", sessions.c.viewer)
Index("sessions_by_profile", sessions.c.profile_id)
positions = Table(
    "positions",
    tables,
    Column("profile_id", Text, primary_key=True),
    Column("content_id", Text, primary_key=True),
    Column("position", Float, nullable=False),
    Column("duration", Float, nullable=False),
    Column("at", Float, nullable=False),
)
Index("positions_by_time", positions.c.profile_id, positions.c.at)
revocations = Table(
    "revocations",
    tables,
    Column("session_id", Text, primary_key=True),
    Column("expires", Float, nullable=False),
)

MIGRATIONS = Migrations(tables, Path(__file__).with_name("migrations"), "0002", adopt_tables("sessions"))

# Built once: to build a statement costs as much as to run it.
_LOAD_SESSIONS = (
    select(sessions)
    .where(
        or_(
            sessions.c.session_id.in_(bindparam("ids", expanding=True)),
            and_(sessions.c.viewer.in_(bindparam("accounts", expanding=True)), sessions.c.ended == ""),
        )
    )
    .order_by(sessions.c.session_id)
    .with_for_update()
)
_LOAD_POSITIONS = select(positions).where(
    tuple_(positions.c.profile_id, positions.c.content_id).in_(bindparam("names", expanding=True))
)
_INSERT_SESSION = insert(sessions)
_LOCK_ACCOUNT = text("SELECT pg_advisory_xact_lock(hashtextextended(:account, 0))")
_UPDATE_SESSION = (
    update(sessions)
    .where(sessions.c.session_id == bindparam("id"))
    .values(
        seen=bindparam("seen_at"),
        position=bindparam("to"),
        clock=bindparam("time"),
        ended=bindparam("why"),
        consent=bindparam("named"),
    )
)


class PlaybackStore:
    """The SQL store, with at most `max_sessions` sessions."""

    def __init__(self, address: DatabaseAddress, max_sessions: int, silent_after: float) -> None:
        self._database = Database(address, MIGRATIONS, "playback")
        self._max_sessions = max_sessions
        self._silent_after = silent_after
        upsert = self._database.insert(positions)
        new = upsert.excluded
        self._upsert_position = upsert.on_conflict_do_update(
            index_elements=[positions.c.profile_id, positions.c.content_id],
            set_={"position": new.position, "duration": new.duration, "at": new.at},
            where=positions.c.at <= new.at,
        )

    async def open(self) -> None:
        """Open or create the database. Raises StorageFailed."""
        await self._database.open()

    async def close(self) -> None:
        """Close the database."""
        await self._database.close()

    async def apply(self, changes: Sequence[Change]) -> list[Outcome]:
        """Make changes in order, in one transaction."""
        return await self._database.run_write(partial(self._apply, changes))

    def _apply(self, changes: Sequence[Change], connection: Connection) -> list[Outcome]:
        held = self._load_sessions(connection, changes)
        batch = SessionBatch(held, self._silent_after, _load_positions(connection, changes))
        outcomes = batch.apply(changes)
        self._save(connection, batch)
        return outcomes

    def _load_sessions(self, connection: Connection, changes: Sequence[Change]) -> dict[str, Session]:
        accounts, ids = named_accounts(changes), named_sessions(changes)
        if accounts and self._database.is_shared:
            # Two processes may start sessions of one account: the second waits here, and sees what the first did.
            # The locks are taken in one order, and before those of the rows: no two batches wait for each other.
            for account in accounts:
                connection.execute(_LOCK_ACCOUNT, {"account": account})
        rows = connection.execute(_LOAD_SESSIONS, {"ids": ids, "accounts": accounts}).mappings()
        return {row["session_id"]: _session(row) for row in rows}

    def _save(self, connection: Connection, batch: SessionBatch) -> None:
        if batch.inserted:
            connection.execute(_INSERT_SESSION, [_row(one) for one in batch.inserted.values()])
        if batch.updated:
            values = [
                {"id": one.session_id, "seen_at": one.seen, "to": one.position, "time": one.clock}
                | {"why": one.ended or "", "named": int(one.consent)}
                for one in batch.updated.values()
            ]
            connection.execute(_UPDATE_SESSION, values)
        if batch.positions:
            rows = [_position_row(one) for _, one in sorted(batch.positions.items())]
            connection.execute(self._upsert_position, rows)
        if batch.revocations:
            rows = [{"session_id": one.session_id, "expires": one.expires} for one in batch.revocations]
            connection.execute(self._database.insert(revocations).on_conflict_do_nothing(), rows)

    async def get(self, session_id: str) -> Session | None:
        """A session; None if there is none with this id."""
        found = await self._sessions(select(sessions).where(sessions.c.session_id == session_id))
        return found[0] if found else None

    async def ended_of(self, session_ids: Sequence[str]) -> list[str]:
        """Which of these sessions have ended."""
        query = select(sessions.c.session_id).where(sessions.c.session_id.in_(session_ids), sessions.c.ended != "")
        return await self._database.run_read(lambda connection: list(connection.execute(query).scalars()))

    async def sessions_of(self, account_id: str) -> list[Session]:
        """The sessions of an account or guest, newest first."""
        return await self._sessions(
            select(sessions).where(sessions.c.viewer == account_id).order_by(sessions.c.started.desc())
        )

    async def sessions_of_profiles(self, profiles: Sequence[str]) -> list[Session]:
        """The sessions of profiles."""
        return await self._sessions(select(sessions).where(sessions.c.profile_id.in_(profiles)))

    async def _sessions(self, query: Select[Any]) -> list[Session]:
        return await self._database.run_read(
            lambda connection: [_session(row) for row in connection.execute(query).mappings()]
        )

    async def positions(self, profile_id: str, limit: int) -> list[Position]:
        """A profile's latest positions, newest first."""
        query = select(positions).where(positions.c.profile_id == profile_id)
        query = query.order_by(positions.c.at.desc(), positions.c.content_id).limit(limit)
        return await self._database.run_read(lambda connection: [Position(*row) for row in connection.execute(query)])

    async def pending_revocations(self, limit: int) -> list[Revocation]:
        """Revocations that control has not confirmed."""
        query = select(revocations).order_by(revocations.c.session_id).limit(limit)
        return await self._database.run_read(lambda connection: [Revocation(*row) for row in connection.execute(query)])

    async def confirm_revocations(self, session_ids: Sequence[str]) -> None:
        """Forget revocations that control has stored."""
        statement = delete(revocations).where(revocations.c.session_id.in_(session_ids))
        await self._database.run_write(lambda connection: connection.execute(statement))

    async def delete_expired(self, now: float) -> int:
        """Delete what has expired, and what is above the bounds: ended, long unseen sessions first, old positions."""
        return await self._database.run_write(partial(self._delete_expired, now))

    def _delete_expired(self, now: float, connection: Connection) -> int:
        connection.execute(delete(revocations).where(revocations.c.expires < now))
        connection.execute(delete(sessions).where(sessions.c.expires < now))
        count: int = connection.execute(select(func.count()).select_from(sessions)).scalar_one()
        if count > self._max_sessions:
            oldest = (
                select(sessions.c.session_id)
                .order_by(sessions.c.ended == "", sessions.c.seen)
                .limit(count - self._max_sessions)
            )
            connection.execute(delete(sessions).where(sessions.c.session_id.in_(oldest)))
        crowded = select(positions.c.profile_id).group_by(positions.c.profile_id)
        for (profile_id,) in connection.execute(crowded.having(func.count() > MAX_POSITIONS)).all():
            kept = select(positions.c.content_id).where(positions.c.profile_id == profile_id)
            kept = kept.order_by(positions.c.at.desc()).limit(MAX_POSITIONS)
            of_profile = positions.c.profile_id == profile_id
            connection.execute(delete(positions).where(of_profile, positions.c.content_id.not_in(kept)))
        return min(count, self._max_sessions)

    async def delete_positions(self, moment: float) -> int:
        """Delete the positions from before a moment."""
        statement = delete(positions).where(positions.c.at < moment)
        return await self._database.run_write(lambda connection: connection.execute(statement).rowcount)

    async def erase(self, account_id: str, profiles: Sequence[str]) -> None:
        """Delete the sessions and positions of an account ("" = none) and of profiles."""

        def erase(connection: Connection) -> None:
            of_profiles = sessions.c.profile_id.in_(profiles)
            whose = or_(of_profiles, sessions.c.viewer == account_id) if account_id else of_profiles
            connection.execute(delete(sessions).where(whose))
            connection.execute(delete(positions).where(positions.c.profile_id.in_(profiles)))

        await self._database.run_write(erase)
        await self._database.scrub()


def _load_positions(connection: Connection, changes: Sequence[Change]) -> dict[tuple[str, str], Position]:
    names = named_positions(changes)
    if not names:
        return {}
    rows = connection.execute(_LOAD_POSITIONS, {"names": names})
    return {(row[0], row[1]): Position(*row) for row in rows}


def _session(row: Mapping[Any, Any]) -> Session:
    return Session(
        row["session_id"], row["content_id"], row["viewer"], row["profile_id"], row["device_id"], row["device_name"],
        Tier(row["tier"]), Tier(row["plan_tier"]), row["started"], row["expires"], row["seen"], row["duration"],
        row["position"], row["clock"], bool(row["consent"]), EndReason(row["ended"]) if row["ended"] else None,
    )  # fmt: skip


_NAMES = tuple("viewer" if one.name == "account_id" else one.name for one in fields(Session))


def _row(session: Session) -> dict[str, Any]:
    values = dict(zip(_NAMES, astuple(session), strict=True))
    return values | {"consent": int(session.consent), "ended": session.ended or ""}


def _position_row(position: Position) -> dict[str, Any]:
    return {
        "profile_id": position.profile_id,
        "content_id": position.content_id,
        "position": position.position,
        "duration": position.duration,
        "at": position.at,
    }
