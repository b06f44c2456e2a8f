"""The users' database: accounts with their profiles, devices and log-ins.

A refresh token is stored as its hash and used once. Each log-in is a family of them: when a token comes a second time,
somebody else has it too, and the whole family ends (RFC 9700, section 4.14.2).

Over 300 lines because each statement of the seven tables is here and nowhere else.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex, token_urlsafe
from typing import Any

from sqlalchemy import LABEL_STYLE_TABLENAME_PLUS_COL, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.users.account import MAX_DEVICES, MAX_PROFILES, Account, Device, Plan, Profile, normalise_email
from services.users.rows import plan_columns, profile_row, profile_values, read_plan, read_profile
from services.users.schema import (
    accounts,
    devices,
    erasures,
    profiles,
    refresh_tokens,
    reset_links,
    revocations,
    tables,
)
from system.database.database import Database
from system.database.engine import DatabaseAddress
from system.database.migrations import Migrations
from system.sealing import SealingKeys, is_sealed

MIGRATIONS = Migrations(tables, Path(__file__).with_name("migrations"), "0002")

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
class LogIn:
    """A log-in: its family of refresh tokens, and the token that is good now."""

    account_id: str
    device_id: str
    family: str
    refresh_token: str


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erasure that is not finished: the stores that have forgotten the person, and whom it is about."""

    account_id: str
    profiles: tuple[str, ...]
    done: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FoundViewer:
    """A viewer's plan and profile, and the name of their device (None = not one of the account)."""

    plan: Plan
    profile: Profile
    device_name: str | None


class EmailTaken(Exception):
    """There is an account with this address."""


class TooMany(Exception):
    """The account has as many profiles as it may have."""


class RefreshRefused(Exception):
    """A refresh token is unknown, expired, or came a second time; `reused` in the last case."""

    def __init__(self, *, reused: bool = False) -> None:
        super().__init__("refresh token refused")
        self.reused = reused


class UserStore:
    """Accounts. `lookup_key` makes addresses findable without storing them in clear; `keys` seal them, where set."""

    def __init__(self, address: DatabaseAddress, lookup_key: bytes, keys: SealingKeys | None = None) -> None:
        self._database = Database(address, MIGRATIONS, "users")
        self._lookup_key = lookup_key
        self._keys = keys

    async def open(self) -> None:
        """Open or create the database. Raises StorageFailed."""
        await self._database.open()

    async def close(self) -> None:
        """Close the database."""
        await self._database.close()

    # -- accounts ----------------------------------------------------------------------------------------------

    async def create_account(
        self, email: str, password_hash: str, country: str | None, plan: Plan, name: str, now: float
    ) -> Account:
        """Create an account with one profile. Raises EmailTaken, StorageFailed."""
        account_id = f"a-{token_hex(12)}"
        row = {
            "account_id": account_id,
            "email_lookup": self._lookup(email),
            "email": self._seal(email, f"accounts.email.{account_id}"),
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
            row = (await connection.execute(query.where(accounts.c.email_lookup == self._lookup(email)))).first()
        return None if row is None else Credentials(row[0], row[1], bool(row[2]), row[3])

    async def get_account(self, account_id: str) -> Account | None:
        """One account."""
        async with self._database.read() as connection:
            found = await connection.execute(select(accounts).where(accounts.c.account_id == account_id))
            row = found.mappings().first()
        return None if row is None else self._account(row)

    async def find_viewer(self, account_id: str, profile_id: str, device_id: str) -> FoundViewer | None:
        """Whoever plays, in one query; None if the account is disabled, or there is no such account or profile."""
        named = {"account": account_id, "profile": profile_id, "device": device_id}
        row = await self._database.run_read(lambda connection: connection.execute(_VIEWER, named).mappings().first())
        if row is None:
            return None
        plan = read_plan(row["accounts_tier"], row["accounts_streams"], row["accounts_plan_countries"])
        profile = read_profile({name: row[f"profiles_{name}"] for name in Profile.__slots__})
        name = row["device_name"]
        return FoundViewer(plan, profile, None if name is None else self._open(name, f"devices.name.{device_id}"))

    async def list_plans(self, account_ids: Sequence[str]) -> dict[str, Plan]:
        """The plans of these accounts; disabled and unknown ones are absent."""
        ids = {"ids": list(account_ids)}
        rows = await self._database.run_read(lambda connection: connection.execute(_PLANS, ids).all())
        return {row[0]: read_plan(row[1], row[2], row[3]) for row in rows}

    async def set_password(self, account_id: str, password_hash: str, now: float, keep_family: str = "") -> bool:
        """Replace the password and end all log-ins but `keep_family`. Returns False if there is no such account."""
        async with self._database.write() as connection:
            change = update(accounts).where(accounts.c.account_id == account_id).values(password=password_hash)
            if not (await connection.execute(change)).rowcount:
                return False
            await connection.execute(delete(reset_links).where(reset_links.c.account_id == account_id))
            await _end_families(
                connection,
                (refresh_tokens.c.account_id == account_id) & (refresh_tokens.c.family != keep_family),
                now,
            )
        return True

    async def rehash_password(self, account_id: str, old: str, new: str) -> None:
        """Replace a hash by a stronger one of the same password, unless the password was changed meanwhile."""
        mine = (accounts.c.account_id == account_id) & (accounts.c.password == old)
        async with self._database.write() as connection:
            await connection.execute(update(accounts).where(mine).values(password=new))

    async def export_account(self, account: Account) -> dict[str, Any]:
        """Everything here about an account, but for its password's hash."""
        return {
            "accountId": account.account_id,
            "email": account.email,
            "country": account.country,
            "created": account.created,
            "plan": {"tier": account.plan.tier.value, "streams": account.plan.streams},
            "profiles": [profile_values(profile) for profile in await self.list_profiles(account.account_id)],
            "devices": [
                {"deviceId": device.device_id, "name": device.name, "created": device.created, "seen": device.seen}
                for device in await self.list_devices(account.account_id)
            ],
        }

    async def link_provider(self, account_id: str, provider: str) -> None:
        """Remember that a log-in provider vouches for the account's address."""
        async with self._database.write() as connection:
            change = update(accounts).where(accounts.c.account_id == account_id).values(provider=provider)
            await connection.execute(change)

    async def set_plan(self, account_id: str, plan: Plan) -> bool:
        """Change the plan. Returns False if there is no such account."""
        async with self._database.write() as connection:
            change = update(accounts).where(accounts.c.account_id == account_id).values(**plan_columns(plan))
            return bool((await connection.execute(change)).rowcount)

    async def disable_account(self, account_id: str, now: float, *, disabled: bool) -> bool:
        """Disable an account, which ends its log-ins, or enable it again. Returns False if there is none."""
        async with self._database.write() as connection:
            change = update(accounts).where(accounts.c.account_id == account_id).values(disabled=int(disabled))
            if not (await connection.execute(change)).rowcount:
                return False
            if disabled:
                await _end_families(connection, refresh_tokens.c.account_id == account_id, now)
        return True

    # -- profiles ----------------------------------------------------------------------------------------------

    async def list_profiles(self, account_id: str) -> list[Profile]:
        """The profiles of an account, the first one first."""
        query = select(profiles).where(profiles.c.account_id == account_id).order_by(profiles.c.number)
        async with self._database.read() as connection:
            return [read_profile(row) for row in (await connection.execute(query)).mappings()]

    async def add_profile(self, account_id: str, profile: Profile) -> Profile:
        """Add a profile; its id is made here. Raises TooMany, StorageFailed."""
        made = Profile(**{**profile_values(profile), "profile_id": f"p-{token_hex(12)}"})
        async with self._database.write() as connection:
            await _lock_account(connection, account_id)
            query = select(func.count(), func.coalesce(func.max(profiles.c.number), -1))
            count, last = (await connection.execute(query.where(profiles.c.account_id == account_id))).one()
            if count >= MAX_PROFILES:
                raise TooMany
            await connection.execute(insert(profiles), profile_row(account_id, last + 1, made))
        return made

    async def put_profile(self, account_id: str, profile: Profile) -> bool:
        """Replace a profile of the account. Returns False if it has no such profile."""
        row = profile_row(account_id, 0, profile)
        del row["number"]
        mine = (profiles.c.profile_id == profile.profile_id) & (profiles.c.account_id == account_id)
        async with self._database.write() as connection:
            return bool((await connection.execute(update(profiles).where(mine).values(**row))).rowcount)

    async def delete_profile(self, account_id: str, profile_id: str) -> bool:
        """Delete a profile, unless it is the account's last. Returns False if it was not deleted."""
        mine = profiles.c.account_id == account_id
        async with self._database.write() as connection:
            await _lock_account(connection, account_id)
            count = (await connection.execute(select(func.count()).select_from(profiles).where(mine))).scalar_one()
            if count <= 1:
                return False
            gone = delete(profiles).where(mine, profiles.c.profile_id == profile_id)
            return bool((await connection.execute(gone)).rowcount)

    # -- log-ins -----------------------------------------------------------------------------------------------

    async def log_in(self, account_id: str, device_id: str, name: str, now: float, expires: float) -> LogIn:
        """Remember the device and start a family of refresh tokens. `expires` of the token in Unix seconds."""
        family, token = f"f-{token_hex(12)}", token_urlsafe(32)
        async with self._database.write() as connection:
            await _lock_account(connection, account_id)
            mine = (devices.c.device_id == device_id) & (devices.c.account_id == account_id)
            known = update(devices).where(mine).values(seen=now)
            if not device_id or not (await connection.execute(known)).rowcount:
                device_id = f"d-{token_hex(12)}"
                await _drop_oldest_devices(connection, account_id, now)
                sealed = self._seal(name, f"devices.name.{device_id}")
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
            await _end_families(connection, refresh_tokens.c.family == row["family"], now)
        raise RefreshRefused(reused=True)

    async def end_log_in(self, family: str, now: float) -> None:
        """End a log-in: its refresh tokens are gone, its access tokens are refused from now on."""
        async with self._database.write() as connection:
            await _end_families(connection, refresh_tokens.c.family == family, now)

    async def list_devices(self, account_id: str) -> list[Device]:
        """The devices of an account, the latest seen first."""
        query = select(devices).where(devices.c.account_id == account_id).order_by(devices.c.seen.desc())
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [self._device(row) for row in rows]

    async def delete_device(self, account_id: str, device_id: str, now: float) -> bool:
        """Forget a device and end its log-ins. Returns False if the account has no such device."""
        mine = (devices.c.device_id == device_id) & (devices.c.account_id == account_id)
        async with self._database.write() as connection:
            if not (await connection.execute(delete(devices).where(mine))).rowcount:
                return False
            await _end_families(connection, refresh_tokens.c.device_id == device_id, now)
        return True

    async def revoked_families(self, after: int, since: float) -> tuple[int, list[str]]:
        """Log-ins that ended after revocation number `after` and not before `since`; with the latest number."""
        query = select(revocations.c.number, revocations.c.family).order_by(revocations.c.number)
        query = query.where(revocations.c.number > after, revocations.c.at >= since)
        rows = await self._database.run_read(lambda connection: connection.execute(query).all())
        return (rows[-1][0] if rows else after), [row[1] for row in rows]

    # -- reset links -------------------------------------------------------------------------------------------

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

    # -- erasure and retention ---------------------------------------------------------------------------------

    async def begin_erasure(self, account_id: str, now: float) -> Erasure | None:
        """Delete everything of an account here, and remember that the other stores must follow. None if unknown."""
        async with self._database.write() as connection:
            await _lock_account(connection, account_id)
            query = select(profiles.c.profile_id).where(profiles.c.account_id == account_id)
            ids = tuple((await connection.execute(query)).scalars())
            if not (await connection.execute(delete(accounts).where(accounts.c.account_id == account_id))).rowcount:
                return None
            await _end_families(connection, refresh_tokens.c.account_id == account_id, now)
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
        mine = erasures.c.account_id == erasure.account_id
        async with self._database.write() as connection:
            if finished:
                await connection.execute(delete(erasures).where(mine))
            else:
                await connection.execute(update(erasures).where(mine).values(done=json.dumps(erasure.done)))
        if finished:
            await self._database.scrub()

    async def delete_expired(self, now: float, devices_before: float) -> int:
        """Delete expired tokens and links, old revocations, and devices not seen since `devices_before`."""
        count = 0
        async with self._database.write() as connection:
            for statement in (
                delete(refresh_tokens).where(refresh_tokens.c.expires <= now),
                delete(reset_links).where(reset_links.c.expires <= now),
                delete(revocations).where(revocations.c.at < now - 86_400),
                delete(devices).where(devices.c.seen < devices_before),
            ):
                count += (await connection.execute(statement)).rowcount
        return count

    async def reseal(self, limit: int = 500) -> int:
        """Seal again what is in clear or under an older key; how many values. Call it until it returns 0."""
        if self._keys is None:
            return 0
        changed = 0
        prefix = f"sealed1.{self._keys.current}.%"
        columns = ((accounts, accounts.c.account_id, "email"), (devices, devices.c.device_id, "name"))
        async with self._database.write() as connection:
            for table, key, name in columns:
                query = select(key, table.c[name]).where(table.c[name].not_like(prefix)).limit(limit)
                for row_id, value in (await connection.execute(query)).all():
                    context = f"{table.name}.{name}.{row_id}"
                    sealed = self._seal(self._open(value, context), context)
                    await connection.execute(update(table).where(key == row_id).values({name: sealed}))
                    changed += 1
        return changed

    def _account(self, row: Any) -> Account:
        return Account(
            row["account_id"],
            self._open(row["email"], f"accounts.email.{row['account_id']}"),
            row["country"],
            read_plan(row["tier"], row["streams"], row["plan_countries"]),
            row["created"],
            bool(row["disabled"]),
        )

    def _device(self, row: Any) -> Device:
        name = self._open(row["name"], f"devices.name.{row['device_id']}")
        return Device(row["device_id"], name, row["created"], row["seen"])

    def _lookup(self, email: str) -> str:
        return hmac.new(self._lookup_key, normalise_email(email).encode(), hashlib.sha256).hexdigest()

    def _seal(self, text: str, context: str) -> str:
        return text if self._keys is None else self._keys.seal(text.encode(), context)

    def _open(self, text: str, context: str) -> str:
        return self._keys.open(text, context).decode() if self._keys is not None and is_sealed(text) else text


async def _lock_account(connection: AsyncConnection, account_id: str) -> None:
    """Let changes that count an account's rows follow one another (SQLite's writers do anyway)."""
    await connection.execute(select(accounts.c.account_id).where(accounts.c.account_id == account_id).with_for_update())


async def _end_families(connection: AsyncConnection, condition: Any, now: float) -> None:
    families: Sequence[str] = (
        (await connection.execute(select(refresh_tokens.c.family).where(condition).distinct())).scalars().all()
    )
    if families:
        await connection.execute(delete(refresh_tokens).where(refresh_tokens.c.family.in_(families)))
        await connection.execute(insert(revocations), [{"family": family, "at": now} for family in families])


async def _drop_oldest_devices(connection: AsyncConnection, account_id: str, now: float) -> None:
    query = select(devices.c.device_id).where(devices.c.account_id == account_id).order_by(devices.c.seen.desc())
    extra = (await connection.execute(query.offset(MAX_DEVICES - 1))).scalars().all()
    if extra:
        await connection.execute(delete(devices).where(devices.c.device_id.in_(extra)))
        await _end_families(connection, refresh_tokens.c.device_id.in_(extra), now)


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


def _erasure(row: Any) -> Erasure:
    return Erasure(row["account_id"], tuple(json.loads(row["profiles"])), tuple(json.loads(row["done"])))
