"""Sessions, slots and positions in Valkey, for platforms whose heartbeats one database does not carry.

A batch is an optimistic transaction: WATCH what it reads, decide, and write all of it in MULTI, again from the start
when another process has changed any of it. After EXEC, WAITAOF returns once the batch is in the append-only file on the
server's disk; a server without one (appendonly no) loses what it was not given time to save, which the log says.

Keys: `session:ID` (JSON), `account:ID` and `profile:ID` (session id -> expiry), `positions:PROFILE` (title -> JSON),
`latest:PROFILE` (title -> time), `revocations` and `sessions` (session id -> expiry), all below `matinee:`.

Over 300 lines because all that knows these keys is here.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import msgspec
import structlog
from valkey.asyncio import BlockingConnectionPool, Valkey
from valkey.asyncio.client import Pipeline
from valkey.exceptions import ValkeyError, WatchError

from kernel.errors import BadSettings, StorageFailed
from services.playback.sessions.session import (
    Change,
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

CONNECT_SECONDS = 5.0
COMMAND_SECONDS = 20.0
DURABLE_MILLISECONDS = 10_000
MAX_READERS = 4
MAX_DROPPED = 10_000
MAX_ATTEMPTS = 200
"""How often a batch is tried when other processes change what it reads; of two that collide one succeeds."""
SCHEMES = ("valkey", "redis", "valkeys", "rediss")
_FAILURES = (ValkeyError, OSError, TimeoutError)
_P = "matinee:"

log = structlog.get_logger()

_encode = msgspec.json.Encoder().encode
_read_session = msgspec.json.Decoder(Session).decode
_read_position = msgspec.json.Decoder(Position).decode


def check_url(url: str) -> None:
    """Check the setting `valkey`. Raises BadSettings."""
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise BadSettings("valkey", "is a URL such as valkey://host:6379 (valkeys:// for TLS)")
    if parts.password is not None or "password=" in parts.query:
        raise BadSettings(
            "valkey", "holds a password, which every user of the machine could read: use `valkey_password_file`"
        )


class ValkeyStore:
    """The store in Valkey. Raises StorageFailed where the server cannot be reached."""

    def __init__(self, url: str, password: str | None, silent_after: float, max_sessions: int) -> None:
        check_url(url)
        self._url = url
        self._password = password
        self._silent_after = silent_after
        self._max_sessions = max_sessions
        self._is_durable = True
        # WAITAOF covers the writes of its own connection: all writes go through one.
        self._writer = self._client(1)
        self._reader = self._client(MAX_READERS)

    def _client(self, connections: int) -> Any:
        pool = BlockingConnectionPool.from_url(
            self._url, password=self._password, max_connections=connections, timeout=COMMAND_SECONDS,
            socket_connect_timeout=CONNECT_SECONDS, socket_timeout=COMMAND_SECONDS,
        )  # fmt: skip
        return Valkey(connection_pool=pool)

    async def open(self) -> None:
        """Connect, and say in the log what the server would lose. Raises StorageFailed."""
        async with self._reaching():
            persistence = await self._reader.info("persistence")
            memory = await self._reader.info("memory")
        self._is_durable = bool(persistence.get("aof_enabled"))
        if not self._is_durable:
            log.warning("valkey-not-durable", why="appendonly is off: a crash of the server loses sessions")
        if memory.get("maxmemory_policy", "noeviction") != "noeviction":
            log.warning("valkey-evicts", why="maxmemory-policy is not noeviction: a full server drops sessions")

    async def close(self) -> None:
        """Close all connections."""
        for client in (self._writer, self._reader):
            await client.connection_pool.disconnect()

    @asynccontextmanager
    async def _reaching(self) -> AsyncIterator[None]:
        try:
            yield
        except _FAILURES as error:
            host = urlsplit(self._url).hostname
            raise StorageFailed(f"Valkey at {host}: {str(error) or type(error).__name__}") from error

    async def apply(self, changes: Sequence[Change]) -> list[Outcome]:
        """Make changes in order, in one transaction."""
        async with self._reaching():
            for _ in range(MAX_ATTEMPTS):
                async with self._writer.pipeline(transaction=True) as pipe:
                    held = await self._load(pipe, changes)
                    batch = SessionBatch(held, self._silent_after, await self._load_positions(changes))
                    outcomes = batch.apply(changes)
                    positions, crowded = await self._newer_positions(pipe, list(batch.positions.values()))
                    pipe.multi()
                    _write(pipe, batch, positions)
                    for profile_id, content_id in crowded:
                        pipe.hdel(f"{_P}positions:{profile_id}", content_id)
                        pipe.zrem(f"{_P}latest:{profile_id}", content_id)
                    try:
                        await pipe.execute()
                    except WatchError:
                        continue
                await self._wait_for_disk()
                return outcomes
        raise StorageFailed("Valkey: other processes change the same sessions all the time")

    async def _wait_for_disk(self) -> None:
        if self._is_durable:
            local, _ = await self._writer.execute_command("WAITAOF", 1, 0, DURABLE_MILLISECONDS)
            if not local:
                raise StorageFailed("Valkey has not written its append-only file in time")

    async def _load(self, pipe: Pipeline, changes: Sequence[Change]) -> dict[str, Session]:
        accounts = [f"{_P}account:{one}" for one in named_accounts(changes)]
        ids = set(named_sessions(changes))
        if accounts:
            await pipe.watch(*accounts)
            for account in accounts:
                ids.update(_texts(await pipe.zrange(account, 0, -1)))
        keys = [f"{_P}session:{one}" for one in sorted(ids)]
        if not keys:
            return {}
        await pipe.watch(*keys)
        found = [_read_session(one) for one in await pipe.mget(keys) if one is not None]
        return {one.session_id: one for one in found}

    async def _load_positions(self, changes: Sequence[Change]) -> dict[tuple[str, str], Position]:
        names = named_positions(changes)
        if not names:
            return {}
        async with self._reader.pipeline(transaction=False) as reads:
            for profile_id, content_id in names:
                reads.hget(f"{_P}positions:{profile_id}", content_id)
            found = await reads.execute()
        return {name: _read_position(one) for name, one in zip(names, found, strict=True) if one is not None}

    async def _newer_positions(
        self, pipe: Pipeline, found: Sequence[Position]
    ) -> tuple[list[Position], list[tuple[str, str]]]:
        """The positions that are not older than the stored ones, and (profile, title) of those that make room."""
        if not found:
            return [], []
        await pipe.watch(*(f"{_P}positions:{one.profile_id}" for one in found))
        # What changes after WATCH makes EXEC fail, so any connection may read it.
        async with self._reader.pipeline(transaction=False) as reads:
            for one in found:
                reads.hget(f"{_P}positions:{one.profile_id}", one.content_id)
                reads.hlen(f"{_P}positions:{one.profile_id}")
                reads.zrange(f"{_P}latest:{one.profile_id}", 0, 0)
            answers = await reads.execute()
        newer, crowded = [], []
        for one, held, count, oldest in zip(found, answers[::3], answers[1::3], answers[2::3], strict=True):
            if held is None or _read_position(held).at <= one.at:
                newer.append(one)
                if held is None and count >= MAX_POSITIONS:
                    crowded += [(one.profile_id, title) for title in _texts(oldest)]
        return newer, crowded

    async def get(self, session_id: str) -> Session | None:
        """A session; None if there is none with this id."""
        async with self._reaching():
            found = await self._reader.get(f"{_P}session:{session_id}")
        return None if found is None else _read_session(found)

    async def ended_of(self, session_ids: Sequence[str]) -> list[str]:
        """Which of these sessions have ended."""
        async with self._reaching():
            rows = await self._reader.mget([f"{_P}session:{one}" for one in session_ids])
        found = [_read_session(row) for row in rows if row is not None]
        return [one.session_id for one in found if one.ended is not None]

    async def sessions_of(self, account_id: str) -> list[Session]:
        """The sessions of an account or guest, newest first."""
        found = await self._indexed([f"{_P}account:{account_id}"])
        return sorted(found, key=lambda one: one.started, reverse=True)

    async def sessions_of_profiles(self, profiles: Sequence[str]) -> list[Session]:
        """The sessions of profiles."""
        return await self._indexed([f"{_P}profile:{one}" for one in profiles])

    async def _indexed(self, indexes: Sequence[str]) -> list[Session]:
        async with self._reaching():
            ids = [one for index in indexes for one in _texts(await self._reader.zrange(index, 0, -1))]
            rows = await self._reader.mget([f"{_P}session:{one}" for one in ids]) if ids else []
        return [_read_session(row) for row in rows if row is not None]

    async def positions(self, profile_id: str, limit: int) -> list[Position]:
        """A profile's latest positions, newest first."""
        async with self._reaching():
            titles = _texts(await self._reader.zrevrange(f"{_P}latest:{profile_id}", 0, limit - 1))
            rows = await self._reader.hmget(f"{_P}positions:{profile_id}", titles) if titles else []
        return [_read_position(row) for row in rows if row is not None]

    async def pending_revocations(self, limit: int) -> list[Revocation]:
        """Revocations that control has not confirmed."""
        async with self._reaching():
            found = await self._reader.zrange(f"{_P}revocations", 0, limit - 1, withscores=True)
        return [Revocation(name.decode(), expires) for name, expires in found]

    async def confirm_revocations(self, session_ids: Sequence[str]) -> None:
        """Forget revocations that control has stored."""
        async with self._reaching():
            await self._writer.zrem(f"{_P}revocations", *session_ids)

    async def delete_expired(self, now: float) -> int:
        """Forget what has expired (the server expires the sessions themselves), and what is above the bound.

        Of the sessions above it that expire first, the ended and long unseen ones go, at most MAX_DROPPED at a time.
        """
        async with self._reaching(), self._writer.pipeline(transaction=False) as pipe:
            pipe.zremrangebyscore(f"{_P}revocations", "-inf", f"({now}")
            pipe.zremrangebyscore(f"{_P}sessions", "-inf", f"({now}")
            pipe.zcard(f"{_P}sessions")
            count = int((await pipe.execute())[-1])
        above = min(count - self._max_sessions, MAX_DROPPED)
        if above > 0:
            await self._drop_sessions(above)
        return min(count, self._max_sessions)

    async def _drop_sessions(self, count: int) -> None:
        async with self._reaching():
            ids = _texts(await self._reader.zrange(f"{_P}sessions", 0, 2 * count + MAX_DROPPED))
            rows = await self._reader.mget([f"{_P}session:{one}" for one in ids])
            held = [_read_session(row) for row in rows if row is not None]
            held.sort(key=lambda one: (one.ended is None, one.seen))
            gone = [one for one, row in zip(ids, rows, strict=True) if row is None]
            async with self._writer.pipeline(transaction=True) as pipe:
                for one in held[: count - len(gone)] if count > len(gone) else ():
                    gone.append(one.session_id)
                    pipe.delete(f"{_P}session:{one.session_id}")
                    pipe.zrem(f"{_P}account:{one.account_id}", one.session_id)
                    pipe.zrem(f"{_P}profile:{one.profile_id}", one.session_id)
                pipe.zrem(f"{_P}sessions", *gone)
                await pipe.execute()

    async def delete_positions(self, moment: float) -> int:
        """Delete the positions from before a moment, profile by profile."""
        count = 0
        async with self._reaching():
            async for key in self._reader.scan_iter(f"{_P}latest:*", count=1_000):
                profile_id = key.decode().removeprefix(f"{_P}latest:")
                async with self._writer.pipeline(transaction=True) as pipe:
                    await pipe.watch(key)
                    titles = _texts(await pipe.zrangebyscore(key, "-inf", f"({moment}"))
                    if not titles:
                        continue
                    pipe.multi()
                    pipe.zrem(key, *titles)
                    pipe.hdel(f"{_P}positions:{profile_id}", *titles)
                    # A profile that watches right now: its old positions go the next time.
                    with contextlib.suppress(WatchError):
                        await pipe.execute()
                        count += len(titles)
        return count

    async def erase(self, account_id: str, profiles: Sequence[str]) -> None:
        """Delete the sessions and positions of an account ("" = none) and of profiles."""
        indexes = [f"{_P}profile:{one}" for one in profiles] + ([f"{_P}account:{account_id}"] if account_id else [])
        async with self._reaching(), self._writer.pipeline(transaction=True) as pipe:
            ids: set[str] = set()
            for index in indexes:
                ids.update(_texts(await self._reader.zrange(index, 0, -1)))
            for one in ids:
                pipe.zrem(f"{_P}sessions", one)
            pipe.delete(
                *(f"{_P}session:{one}" for one in ids), *indexes,
                *(f"{_P}{kind}:{one}" for kind in ("positions", "latest") for one in profiles), f"{_P}none",
            )  # fmt: skip
            await pipe.execute()
            await self._wait_for_disk()


def _write(pipe: Pipeline, batch: SessionBatch, positions: Iterable[Position]) -> None:
    for one in batch.inserted.values():
        pipe.zadd(f"{_P}sessions", {one.session_id: one.expires})
        for kind, owner in (("account", one.account_id), ("profile", one.profile_id)):
            if owner:
                index = f"{_P}{kind}:{owner}"
                pipe.zadd(index, {one.session_id: one.expires})
                pipe.zremrangebyscore(index, "-inf", f"({one.started}")
                pipe.expireat(index, int(one.expires) + 1, gt=True)
                pipe.expireat(index, int(one.expires) + 1, nx=True)
    for one in (*batch.inserted.values(), *batch.updated.values()):
        pipe.set(f"{_P}session:{one.session_id}", _encode(one), exat=int(one.expires) + 1)
    for position in positions:
        pipe.hset(f"{_P}positions:{position.profile_id}", position.content_id, _encode(position))  # type: ignore[arg-type]
        pipe.zadd(f"{_P}latest:{position.profile_id}", {position.content_id: position.at})
    for revocation in batch.revocations:
        pipe.zadd(f"{_P}revocations", {revocation.session_id: revocation.expires})


def _texts(values: Iterable[bytes]) -> list[str]:
    return [value.decode() for value in values]
