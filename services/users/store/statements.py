"""Statements that changes of accounts, profiles and log-ins have in common."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.users.store.schema import accounts, playback_ends, refresh_tokens, revocations


class PlaybackChange(StrEnum):
    """What playback must do after a change of an account."""

    END = "end"
    """End what the device plays."""
    END_OTHERS = "end-others"
    """End what all devices but this one play."""
    REVIEW = "review"
    """Judge all that plays by the plan and the profiles of now."""


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


async def order_playback(
    connection: AsyncConnection, what: PlaybackChange, account_id: str, devices: Sequence[str], now: float
) -> None:
    """Remember, in the same transaction, what playback must do about what an account plays; device "" = all.

    A crash right after the transaction leaves the order, and playback follows it at the next start.
    """
    if devices:
        rows = [{"account_id": account_id, "device_id": device, "at": now, "what": what} for device in devices]
        await connection.execute(insert(playback_ends), rows)
