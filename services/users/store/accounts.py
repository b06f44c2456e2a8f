"""Accounts: who may log in, what their plan is, and who plays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from sqlalchemy import LABEL_STYLE_TABLENAME_PLUS_COL, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from services.users.account import Account, Plan, Profile
from services.users.store.columns import PersonalColumns
from services.users.store.rows import plan_columns, profile_row, read_plan, read_profile
from services.users.store.schema import accounts, devices, profiles, refresh_tokens, reset_links
from services.users.store.statements import PlaybackChange, end_families, order_playback
from system.database.database import Database

# Built once: to build a statement costs as much as to run it.
_VIEWER = (
    select(accounts, profiles, devices.c.name.label("device_name"))
    .outerjoin(devices, (devices.c.account_id == accounts.c.account_id) & (devices.c.device_id == bindparam("device")))
    .join(profiles, profiles.c.account_id == accounts.c.account_id)
    .where(
        accounts.c.account_id == bindparam("account"),
        profiles.c.profile_id == bindparam("profile"),
        accounts.c.disabled == 0,
    )
    .set_label_style(LABEL_STYLE_TABLENAME_PLUS_COL)
)
_PLANS = select(accounts.c.account_id, accounts.c.tier, accounts.c.streams, accounts.c.plan_countries).where(
    accounts.c.account_id.in_(bindparam("ids", expanding=True)), accounts.c.disabled == 0
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a log-in is checked against."""

    account_id: str
    password: str
    """Argon2's encoded hash."""
    disabled: bool
    provider: str | None = None
    """The log-in provider that vouches for the address; None for nobody."""


@dataclass(frozen=True, slots=True)
class FoundViewer:
    """A viewer's plan and profile, and the name of their device (None = not one of the account)."""

    plan: Plan
    profile: Profile
    device_name: str | None


class EmailTaken(Exception):
    """There is an account with this address."""


class AccountTable:
    """Accounts with their plans."""

    def __init__(self, database: Database, columns: PersonalColumns) -> None:
        self._database = database
        self._columns = columns

    async def create_account(
        self, email: str, password_hash: str, country: str | None, plan: Plan, name: str, now: float
    ) -> Account:
        """Create an account with one profile. Raises EmailTaken, StorageFailed."""
        account_id = f"a-{token_hex(12)}"
        row = {
            "account_id": account_id,
            "email_lookup": self._columns.look_up(email),
            "email": self._columns.seal(email, f"accounts.email.{account_id}"),
            "password": password_hash,
            "country": country,
            "created": now,
            "disabled": 0,
        } | plan_columns(plan)
        first = Profile(f"p-{token_hex(12)}", name)
        try:
            async with self._database.write() as connection:
                await connection.execute(insert(accounts), row)
                await connection.execute(insert(profiles), profile_row(account_id, 0, first))
        except IntegrityError:
            raise EmailTaken from None
        return Account(account_id, email, country, plan, now)

    async def find_credentials(self, email: str) -> Credentials | None:
        """What to check a log-in against; None for an unknown address."""
        query = select(accounts.c.account_id, accounts.c.password, accounts.c.disabled, accounts.c.provider)
        async with self._database.read() as connection:
            row = (
                await connection.execute(query.where(accounts.c.email_lookup == self._columns.look_up(email)))
            ).first()
        return None if row is None else Credentials(row[0], row[1], bool(row[2]), row[3])

    async def get_account(self, account_id: str) -> Account | None:
        """One account."""
        async with self._database.read() as connection:
            found = await connection.execute(select(accounts).where(accounts.c.account_id == account_id))
            row = found.mappings().first()
        return None if row is None else self._account(row)

    async def find_viewer(self, account_id: str, profile_id: str, device_id: str) -> FoundViewer | None:
        """What a viewer may play, in one query; None without such an account and profile, or if it is disabled."""
        named = {"account": account_id, "profile": profile_id, "device": device_id}
        row = await self._database.run_read(lambda connection: connection.execute(_VIEWER, named).mappings().first())
        if row is None:
            return None
        plan = read_plan(row["accounts_tier"], row["accounts_streams"], row["accounts_plan_countries"])
        profile = read_profile({name: row[f"profiles_{name}"] for name in Profile.__slots__})
        name = row["device_name"]
        return FoundViewer(
            plan, profile, None if name is None else self._columns.open(name, f"devices.name.{device_id}")
        )

    async def list_plans(self, account_ids: Sequence[str]) -> dict[str, Plan]:
        """The plans of these accounts; disabled and unknown ones are absent."""
        ids = {"ids": list(account_ids)}
        rows = await self._database.run_read(lambda connection: connection.execute(_PLANS, ids).all())
        return {row[0]: read_plan(row[1], row[2], row[3]) for row in rows}

    async def set_password(
        self, account_id: str, password_hash: str, now: float, keep_family: str = "", keep_device: str = ""
    ) -> bool:
        """Replace the password and end all log-ins but `keep_family`, and playback on all devices but `keep_device`.

        Returns False if there is no such account.
        """
        async with self._database.write() as connection:
            change = update(accounts).where(accounts.c.account_id == account_id).values(password=password_hash)
            if not (await connection.execute(change)).rowcount:
                return False
            await connection.execute(delete(reset_links).where(reset_links.c.account_id == account_id))
            await end_families(
                connection,
                (refresh_tokens.c.account_id == account_id) & (refresh_tokens.c.family != keep_family),
                now,
            )
            await order_playback(connection, PlaybackChange.END_OTHERS, account_id, [keep_device], now)
        return True

    async def rehash_password(self, account_id: str, old: str, new: str) -> None:
        """Replace a hash by a stronger one of the same password, unless the password was changed meanwhile."""
        mine = (accounts.c.account_id == account_id) & (accounts.c.password == old)
        async with self._database.write() as connection:
            await connection.execute(update(accounts).where(mine).values(password=new))

    async def link_provider(self, account_id: str, provider: str) -> None:
        """Remember that a log-in provider vouches for the account's address."""
        async with self._database.write() as connection:
            change = update(accounts).where(accounts.c.account_id == account_id).values(provider=provider)
            await connection.execute(change)

    async def set_plan(self, account_id: str, plan: Plan, now: float) -> bool:
        """Change the plan, by which running streams are judged again. Returns False if there is no such account."""
        async with self._database.write() as connection:
            change = update(accounts).where(accounts.c.account_id == account_id).values(**plan_columns(plan))
            if not (await connection.execute(change)).rowcount:
                return False
            await order_playback(connection, PlaybackChange.REVIEW, account_id, [""], now)
        return True

    async def disable_account(self, account_id: str, now: float, *, disabled: bool) -> bool:
        """Disable an account, which ends its log-ins and orders its playback to end, or enable it again.

        Returns False if there is none.
        """
        async with self._database.write() as connection:
            change = update(accounts).where(accounts.c.account_id == account_id).values(disabled=int(disabled))
            if not (await connection.execute(change)).rowcount:
                return False
            if disabled:
                await end_families(connection, refresh_tokens.c.account_id == account_id, now)
                await order_playback(connection, PlaybackChange.END, account_id, [""], now)
        return True

    def _account(self, row: Any) -> Account:
        return Account(
            row["account_id"],
            self._columns.open(row["email"], f"accounts.email.{row['account_id']}"),
            row["country"],
            read_plan(row["tier"], row["streams"], row["plan_countries"]),
            row["created"],
            bool(row["disabled"]),
        )
