"""The users' database, opened and kept: accounts, profiles, log-ins and erasures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, select, update

from services.users.account import Account
from services.users.store.accounts import AccountTable
from services.users.store.columns import PersonalColumns
from services.users.store.erasures import ErasureTable
from services.users.store.log_ins import LogInTable
from services.users.store.profiles import ProfileTable
from services.users.store.rows import profile_values
from services.users.store.schema import (
    accounts,
    devices,
    playback_ends,
    refresh_tokens,
    reset_links,
    revocations,
    tables,
)
from system.database.database import Database
from system.database.engine import DatabaseAddress
from system.database.migrations import Migrations
from system.sealing import SealingKeys

MIGRATIONS = Migrations(tables, Path(__file__).with_name("migrations"), "0004")
MAX_TOKEN_SECONDS = 7 * 86_400.0
"""No session of playback lives longer."""


class UserStore:
    """Accounts. `lookup_key` makes addresses findable without storing them in clear; `keys` seal them, where set."""

    def __init__(self, address: DatabaseAddress, lookup_key: bytes, keys: SealingKeys | None = None) -> None:
        self._database = Database(address, MIGRATIONS, "users")
        self._columns = PersonalColumns(lookup_key, keys)
        self.accounts = AccountTable(self._database, self._columns)
        self.profiles = ProfileTable(self._database)
        self.log_ins = LogInTable(self._database, self._columns)
        self.erasures = ErasureTable(self._database)

    async def open(self) -> None:
        """Open or create the database. Raises StorageFailed."""
        await self._database.open()

    async def close(self) -> None:
        """Close the database."""
        await self._database.close()

    async def export_account(self, account: Account) -> dict[str, Any]:
        """Everything here about an account, but for its password's hash."""
        return {
            "accountId": account.account_id,
            "email": account.email,
            "country": account.country,
            "created": account.created,
            "plan": {"tier": account.plan.tier.value, "streams": account.plan.streams},
            "profiles": [profile_values(profile) for profile in await self.profiles.list_profiles(account.account_id)],
            "devices": [
                {"deviceId": device.device_id, "name": device.name, "created": device.created, "seen": device.seen}
                for device in await self.log_ins.list_devices(account.account_id)
            ],
        }

    async def delete_unseen_devices(self, moment: float) -> int:
        """Forget devices that were not seen since a moment (Unix seconds). Returns how many there were."""
        async with self._database.write() as connection:
            return (await connection.execute(delete(devices).where(devices.c.seen < moment))).rowcount

    async def delete_expired(self, now: float) -> int:
        """Delete expired tokens and links, and revocations and orders that nobody needs any more; how many."""
        count = 0
        latest = select(func.max(revocations.c.number)).scalar_subquery()
        async with self._database.write() as connection:
            for statement in (
                delete(refresh_tokens).where(refresh_tokens.c.expires <= now),
                delete(reset_links).where(reset_links.c.expires <= now),
                # The latest stays: from an empty table SQLite would give out numbers that readers are past already.
                delete(revocations).where(revocations.c.at < now - 86_400, revocations.c.number < latest),
                # No process plays: nothing is left that could go on after so long.
                delete(playback_ends).where(playback_ends.c.at < now - MAX_TOKEN_SECONDS),
            ):
                count += (await connection.execute(statement)).rowcount
        return count

    async def reseal(self, limit: int = 500) -> int:
        """Seal again what is in clear or under an older key; how many values. Call it until it returns 0."""
        prefix, changed = self._columns.current_prefix, 0
        if not prefix:
            return 0
        columns = ((accounts, accounts.c.account_id, "email"), (devices, devices.c.device_id, "name"))
        async with self._database.write() as connection:
            for table, key, name in columns:
                query = select(key, table.c[name]).where(table.c[name].not_like(f"{prefix}%")).limit(limit)
                for row_id, value in (await connection.execute(query)).all():
                    place = f"{table.name}.{name}.{row_id}"
                    sealed = self._columns.seal(self._columns.open(value, place), place)
                    await connection.execute(update(table).where(key == row_id).values({name: sealed}))
                    changed += 1
        return changed
