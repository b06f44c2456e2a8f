"""Log-ins: devices, refresh tokens that rotate, and links to set a new password.

A refresh token is stored as its hash and used once. Each log-in is a family of them: when a token comes a second time,
somebody else has it too, and the whole family ends (RFC 9700, section 4.14.2).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from secrets import token_hex, token_urlsafe
from typing import Any

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.users.account import MAX_DEVICES, Device
from services.users.store.columns import PersonalColumns
from services.users.store.schema import devices, refresh_tokens, reset_links, revocations
from services.users.store.statements import PlaybackChange, end_families, lock_account, order_playback
from system.database.database import Database

LATE_SECONDS = 10.0
"""A revocation is visible to other processes within this time of its `at`."""


@dataclass(frozen=True, slots=True)
class LogIn:
    """A log-in: its family of refresh tokens, and the token that is good now."""

    account_id: str
    device_id: str
    family: str
    refresh_token: str


class RefreshRefused(Exception):
    """A refresh token is unknown, expired, or came a second time; `reused` in the last case."""

    def __init__(self, *, reused: bool = False) -> None:
        super().__init__("refresh token refused")
        self.reused = reused


class LogInTable:
    """Devices and what they are logged in by."""

    def __init__(self, database: Database, columns: PersonalColumns) -> None:
        self._database = database
        self._columns = columns

    async def log_in(self, account_id: str, device_id: str, name: str, now: float, expires: float) -> LogIn:
        """Remember the device and start a family of refresh tokens. `expires` of the token in Unix seconds."""
        family, token = f"f-{token_hex(12)}", token_urlsafe(32)
        async with self._database.write() as connection:
            await lock_account(connection, account_id)
            mine = (devices.c.device_id == device_id) & (devices.c.account_id == account_id)
            known = update(devices).where(mine).values(seen=now)
            if not device_id or not (await connection.execute(known)).rowcount:
                device_id = f"d-{token_hex(12)}"
                await _drop_oldest_devices(connection, account_id, now)
                sealed = self._columns.seal(name, f"devices.name.{device_id}")
                row = {"device_id": device_id, "account_id": account_id, "name": sealed, "created": now, "seen": now}
                await connection.execute(insert(devices), row)
            await connection.execute(
                insert(refresh_tokens), _token_row(token, family, account_id, device_id, now, expires)
            )
        return LogIn(account_id, device_id, family, token)

    async def refresh(self, token: str, now: float, expires: float) -> LogIn:
        """Use a refresh token up and give the next one. Raises RefreshRefused, StorageFailed.

        A token that comes a second time ends its family: either the viewer or a thief holds the newer one.
        """
        new = token_urlsafe(32)
        async with self._database.write() as connection:
            query = select(refresh_tokens).where(refresh_tokens.c.token_hash == _hash(token)).with_for_update()
            row = (await connection.execute(query)).mappings().first()
            if row is None or row["expires"] <= now:
                raise RefreshRefused
            if row["used"] is None:
                mine = refresh_tokens.c.token_hash == row["token_hash"]
                await connection.execute(update(refresh_tokens).where(mine).values(used=now))
                next_row = _token_row(new, row["family"], row["account_id"], row["device_id"], now, expires)
                await connection.execute(insert(refresh_tokens), next_row)
                seen = update(devices).where(devices.c.device_id == row["device_id"]).values(seen=now)
                await connection.execute(seen)
                return LogIn(row["account_id"], row["device_id"], row["family"], new)
            await end_families(connection, refresh_tokens.c.family == row["family"], now)
        raise RefreshRefused(reused=True)

    async def end_log_in(self, family: str, now: float) -> None:
        """End a log-in: its refresh tokens are gone, its access tokens are refused from now on."""
        async with self._database.write() as connection:
            await end_families(connection, refresh_tokens.c.family == family, now)

    async def list_devices(self, account_id: str) -> list[Device]:
        """The devices of an account, the latest seen first."""
        query = select(devices).where(devices.c.account_id == account_id).order_by(devices.c.seen.desc())
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [self._device(row) for row in rows]

    async def delete_device(self, account_id: str, device_id: str, now: float) -> bool:
        """Forget a device, end its log-ins and order its playback to end.

        Returns False if the account has no such device.
        """
        mine = (devices.c.device_id == device_id) & (devices.c.account_id == account_id)
        async with self._database.write() as connection:
            if not (await connection.execute(delete(devices).where(mine))).rowcount:
                return False
            await end_families(connection, refresh_tokens.c.device_id == device_id, now)
            await order_playback(connection, PlaybackChange.END, account_id, [device_id], now)
        return True

    async def revoked_families(self, after: int, since: float, now: float) -> tuple[int, list[str]]:
        """Log-ins that ended after revocation number `after` and not before `since`; with the latest number.

        Those of the last LATE_SECONDS come again.
        """
        query = select(revocations.c.number, revocations.c.family).order_by(revocations.c.number)
        # Race: on PostgreSQL a transaction may commit after one whose revocations have higher numbers.
        is_new = or_(revocations.c.number > after, revocations.c.at >= now - LATE_SECONDS)
        query = query.where(is_new, revocations.c.at >= since)
        rows = await self._database.run_read(lambda connection: connection.execute(query).all())
        return max(after, rows[-1][0] if rows else 0), [row[1] for row in rows]

    async def add_reset_link(self, account_id: str, token: str, expires: float) -> None:
        """Remember a one-time link to set a new password; it replaces an older one."""
        async with self._database.write() as connection:
            await connection.execute(delete(reset_links).where(reset_links.c.account_id == account_id))
            row = {"token_hash": _hash(token), "account_id": account_id, "expires": expires}
            await connection.execute(insert(reset_links), row)

    async def spend_reset_link(self, token: str, now: float) -> str | None:
        """The account that a link is for; it works once. None for an unknown or expired one."""
        mine = reset_links.c.token_hash == _hash(token)
        async with self._database.write() as connection:
            row = (await connection.execute(select(reset_links).where(mine).with_for_update())).mappings().first()
            await connection.execute(delete(reset_links).where(mine))
        return row["account_id"] if row is not None and row["expires"] > now else None

    def _device(self, row: Any) -> Device:
        name = self._columns.open(row["name"], f"devices.name.{row['device_id']}")
        return Device(row["device_id"], name, row["created"], row["seen"])


async def _drop_oldest_devices(connection: AsyncConnection, account_id: str, now: float) -> None:
    query = select(devices.c.device_id).where(devices.c.account_id == account_id).order_by(devices.c.seen.desc())
    extra = (await connection.execute(query.offset(MAX_DEVICES - 1))).scalars().all()
    if extra:
        await connection.execute(delete(devices).where(devices.c.device_id.in_(extra)))
        await end_families(connection, refresh_tokens.c.device_id.in_(extra), now)
        await order_playback(connection, PlaybackChange.END, account_id, extra, now)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _token_row(
    token: str, family: str, account_id: str, device_id: str, issued: float, expires: float
) -> dict[str, Any]:
    return {
        "token_hash": _hash(token),
        "family": family,
        "account_id": account_id,
        "device_id": device_id,
        "issued": issued,
        "expires": expires,
        "used": None,
    }
