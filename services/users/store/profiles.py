"""Profiles of accounts."""

from __future__ import annotations

import json
from secrets import token_hex

from sqlalchemy import delete, func, insert, select, update

from services.users.account import MAX_PROFILES, Profile
from services.users.store.erasures import Erasure
from services.users.store.rows import profile_row, profile_values, read_profile
from services.users.store.schema import erasures, profiles
from services.users.store.statements import PlaybackChange, lock_account, order_playback
from system.database.database import Database


class TooMany(Exception):
    """The account has as many profiles as it may have."""


class ProfileTable:
    """The profiles of accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_profiles(self, account_id: str) -> list[Profile]:
        """The profiles of an account, the first one first."""
        query = select(profiles).where(profiles.c.account_id == account_id).order_by(profiles.c.number)
        async with self._database.read() as connection:
            return [read_profile(row) for row in (await connection.execute(query)).mappings()]

    async def find_profile(self, profile_id: str) -> Profile | None:
        """A profile by its id alone; None if there is none."""
        query = select(profiles).where(profiles.c.profile_id == profile_id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().first()
        return None if row is None else read_profile(row)

    async def add_profile(self, account_id: str, profile: Profile) -> Profile:
        """Add a profile; its id is made here. Raises TooMany, StorageFailed."""
        made = Profile(**{**profile_values(profile), "profile_id": f"p-{token_hex(12)}"})
        async with self._database.write() as connection:
            await lock_account(connection, account_id)
            query = select(func.count(), func.coalesce(func.max(profiles.c.number), -1))
            count, last = (await connection.execute(query.where(profiles.c.account_id == account_id))).one()
            if count >= MAX_PROFILES:
                raise TooMany
            await connection.execute(insert(profiles), profile_row(account_id, last + 1, made))
        return made

    async def put_profile(self, account_id: str, profile: Profile, now: float) -> bool:
        """Replace a profile of the account, by which streams are judged again. Returns False if it has no such one."""
        row = profile_row(account_id, 0, profile)
        del row["number"]
        mine = (profiles.c.profile_id == profile.profile_id) & (profiles.c.account_id == account_id)
        async with self._database.write() as connection:
            if not (await connection.execute(update(profiles).where(mine).values(**row))).rowcount:
                return False
            await order_playback(connection, PlaybackChange.REVIEW, account_id, [""], now)
        return True

    async def delete_profile(self, account_id: str, profile_id: str, now: float) -> Erasure | None:
        """Delete a profile, unless it is the account's last, and remember that the other stores must follow.

        None if it was not deleted.
        """
        mine = profiles.c.account_id == account_id
        async with self._database.write() as connection:
            await lock_account(connection, account_id)
            count = (await connection.execute(select(func.count()).select_from(profiles).where(mine))).scalar_one()
            if count <= 1:
                return None
            gone = delete(profiles).where(mine, profiles.c.profile_id == profile_id)
            if not (await connection.execute(gone)).rowcount:
                return None
            row = {"account_id": profile_id, "profiles": json.dumps([profile_id]), "requested": now, "done": "[]"}
            await connection.execute(insert(erasures), row)
        await self._database.scrub()
        return Erasure(profile_id, (profile_id,), ())
