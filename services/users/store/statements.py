"""Statements that changes of accounts, profiles and log-ins have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.users.store.schema import accounts, playback_ends, refresh_tokens, revocations


async def lock_account(connection: AsyncConnection, account_id: str) -> None:
    """Let changes that count an account's rows follow one another (SQLite's writers do anyway)."""
    await connection.execute(select(accounts.c.account_id).where(accounts.c.account_id == account_id).with_for_update())


async def end_families(connection: AsyncConnection, condition: Any, now: float) -> None:
    """End the log-ins of the refresh tokens that the condition selects."""
    families: Sequence[str] = (
        (await connection.execute(select(refresh_tokens.c.family).where(condition).distinct())).scalars().all()
    )
    if families:
        await connection.execute(delete(refresh_tokens).where(refresh_tokens.c.family.in_(families)))
        await connection.execute(insert(revocations), [{"family": family, "at": now} for family in families])


async def order_playback_end(connection: AsyncConnection, account_id: str, devices: Sequence[str], now: float) -> None:
    """Remember, in the same transaction, that what an account plays on devices must end; device "" = on all.

    A crash right after the transaction leaves the order, and playback follows it at the next start.
    """
    if devices:
        rows = [{"account_id": account_id, "device_id": device, "at": now} for device in devices]
        await connection.execute(insert(playback_ends), rows)
