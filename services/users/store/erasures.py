"""What is left to do after a person, a profile or a device is gone: other stores must forget, playback must end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select, update

from services.users.store.schema import (
    accounts,
    devices,
    erasures,
    playback_ends,
    profiles,
    refresh_tokens,
    reset_links,
)
from services.users.store.statements import PlaybackChange, end_families, lock_account
from system.database.database import Database


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erasure that is not finished: the person, and the stores that have erased them.

    `key` is the account's id or, where the account stays, that of its profile.
    """

    key: str
    profiles: tuple[str, ...]
    done: tuple[str, ...]

    @property
    def account_id(self) -> str:
        """The account that goes; "" where only a profile does."""
        return "" if self.key in self.profiles else self.key


@dataclass(frozen=True, slots=True)
class PlaybackEnd:
    """An order to follow a change of an account in what it plays; `device_id` "" = on all of its devices."""

    number: int
    account_id: str
    device_id: str
    what: PlaybackChange = PlaybackChange.END


class ErasureTable:
    """Erasures that are not finished, and orders to end playback."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin_erasure(self, account_id: str, now: float) -> Erasure | None:
        """Delete everything of an account here, and remember that the other stores must follow. None if unknown."""
        async with self._database.write() as connection:
            await lock_account(connection, account_id)
            query = select(profiles.c.profile_id).where(profiles.c.account_id == account_id)
            ids = tuple((await connection.execute(query)).scalars())
            if not (await connection.execute(delete(accounts).where(accounts.c.account_id == account_id))).rowcount:
                return None
            await end_families(connection, refresh_tokens.c.account_id == account_id, now)
            for table in (profiles, devices, refresh_tokens, reset_links):
                await connection.execute(delete(table).where(table.c.account_id == account_id))
            row = {"account_id": account_id, "profiles": json.dumps(ids), "requested": now, "done": "[]"}
            await connection.execute(insert(erasures), row)
        await self._database.scrub()
        return Erasure(account_id, ids, ())

    async def unfinished_erasures(self) -> list[Erasure]:
        """Erasures that some store has still to follow, the oldest first."""
        query = select(erasures).where(erasures.c.finished.is_(None)).order_by(erasures.c.requested)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [_erasure(row) for row in rows]

    async def record_erasure(self, erasure: Erasure, *, finished: bool) -> None:
        """Keep which stores have forgotten a person. When all have, their ids are forgotten too."""
        mine = erasures.c.account_id == erasure.key
        async with self._database.write() as connection:
            if finished:
                await connection.execute(delete(erasures).where(mine))
            else:
                await connection.execute(update(erasures).where(mine).values(done=json.dumps(erasure.done)))
        if finished:
            await self._database.scrub()

    async def pending_ends(self, limit: int) -> list[PlaybackEnd]:
        """Orders to end playback that nobody has followed yet, the oldest first."""
        query = select(playback_ends).order_by(playback_ends.c.number).limit(limit)
        rows = await self._database.run_read(lambda connection: connection.execute(query).all())
        return [PlaybackEnd(row.number, row.account_id, row.device_id, PlaybackChange(row.what)) for row in rows]

    async def confirm_ends(self, numbers: Sequence[int]) -> None:
        """Forget orders that playback has followed."""
        async with self._database.write() as connection:
            await connection.execute(delete(playback_ends).where(playback_ends.c.number.in_(numbers)))


def _erasure(row: Any) -> Erasure:
    return Erasure(row["account_id"], tuple(json.loads(row["profiles"])), tuple(json.loads(row["done"])))
