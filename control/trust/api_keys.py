"""API keys of the HTTP API and their roles. A key is shown once; only a salted hash of it is stored.

    mtk-<id>-<secret>     id: 8 letters or digits, secret: 32 characters

The secret is as strong as a cryptographic key, so one salted SHA-256 is enough (no slow hash). A viewer reads, an
operator changes the fleet, an admin also manages keys and enrolment. The key in control's own file is an admin's.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from sqlalchemy import select, update

from control.audit.entry import Action, AuditEntry, Author, storable_text
from control.db.schema import api_keys
from control.db.store import Store
from control.db.transaction import Tx
from kernel.documents import BadDocument

_KEY = re.compile(r"mtk-([a-z0-9]{8})-([A-Za-z0-9_-]{32})", re.ASCII)
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
MAX_KEYS = 1_000
USE_NOTED_EVERY = 60.0
"""Seconds between two updates of a key's last use."""


class Role(IntEnum):
    """A key's role; each includes the ones before."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3


ROLES = {role.name.lower(): role for role in Role}


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of a request: their key's id, the name it was made for, and its role."""

    id: str
    name: str
    role: Role


@dataclass(slots=True)
class _StoredKey:
    row: Mapping[str, Any]
    use_noted_at: float


class ApiKeys:
    """The API keys in memory; `start` loads them and follows changes by any replica."""

    def __init__(self, store: Store, file_key: str) -> None:
        self._store = store
        self._file_key = hashlib.sha256(file_key.encode()).digest()
        self._held: dict[str, _StoredKey] = {}
        self.stale = True

    async def start(self) -> None:
        """Load the keys, and reload them whenever they change."""
        self._store.on_change("api_keys", self._changed)
        await self.refresh()

    def _changed(self) -> None:
        self.stale = True

    async def refresh(self) -> None:
        """Reload the keys if they changed."""
        if self.stale:
            self.stale = False
            rows = await self._store.read(select(api_keys).where(api_keys.c.revoked.is_(None)))
            self._held = {row["id"]: _StoredKey(dict(row), row["last_used"] or 0.0) for row in rows}

    async def caller(self, given: str, now: float) -> Caller | None:
        """The caller with this key; None if it is unknown, revoked or expired."""
        if hmac.compare_digest(hashlib.sha256(given.encode("utf-8", "surrogateescape")).digest(), self._file_key):
            return Caller("file", "api-key file", Role.ADMIN)
        match = _KEY.fullmatch(given)
        if match is None:
            return None
        await self.refresh()
        held = self._held.get(match[1])
        if held is None or not hmac.compare_digest(_hash(held.row["salt"], match[2]), bytes(held.row["hash"])):
            return None
        if held.row["expires"] is not None and now >= held.row["expires"]:
            return None
        if now - held.use_noted_at >= USE_NOTED_EVERY:
            held.use_noted_at = now
            await self._store.save(_used(match[1], now))
        return Caller(match[1], held.row["name"], Role(ROLES[held.row["role"]]))

    async def make(self, name: str, role: str, expires: float | None, author: Author) -> tuple[str, str]:
        """Create a key; (id, key), which cannot be shown again. Raises BadDocument."""
        if role not in ROLES:
            raise BadDocument("role", f"must be one of {', '.join(ROLES)}")
        if not name or len(name) > 200 or not name.isprintable():
            raise BadDocument("name", "must be 1 to 200 printable characters")
        if expires is not None and expires <= author.at:
            raise BadDocument("expires", "is in the past")
        made, secret, salt = (
            "".join(secrets.choice(_LETTERS) for _ in range(8)),
            secrets.token_urlsafe(24),
            secrets.token_bytes(16),
        )
        row = {
            "id": made, "name": storable_text(name, 200), "role": role, "salt": salt, "hash": _hash(salt, secret),
            "author": storable_text(author.name, 200), "at": author.at, "expires": expires,
        }  # fmt: skip

        async def work(tx: Tx) -> None:
            held = (await tx.connection.execute(select(api_keys.c.id).where(api_keys.c.revoked.is_(None)))).all()
            if len(held) >= MAX_KEYS:
                raise BadDocument("", f"there are {MAX_KEYS} keys already; revoke some")
            await tx.connection.execute(api_keys.insert().values(**row))
            tx.add_audit_entry(
                AuditEntry(Action.API_KEY_MAKE, made, None, {"name": row["name"], "role": role, "expires": expires})
            )
            tx.announce("api_keys")

        await self._store.transact(work, author)
        self.stale = True
        return made, f"mtk-{made}-{secret}"

    async def revoke(self, key_id: str, author: Author) -> bool:
        """Revoke a key; False if there is no valid key with that id."""

        async def work(tx: Tx) -> bool:
            of = (api_keys.c.id == key_id) & api_keys.c.revoked.is_(None)
            held = (await tx.connection.execute(select(api_keys).where(of))).mappings().first()
            if held is None:
                return False
            await tx.connection.execute(update(api_keys).where(of).values(revoked=author.at))
            before = {name: held[name] for name in ("name", "role", "expires")}
            tx.add_audit_entry(AuditEntry(Action.API_KEY_REVOKE, key_id, before, {"revoked": author.at}))
            tx.announce("api_keys")
            return True

        found = bool(await self._store.transact(work, author))
        self.stale = True
        return found

    async def listed(self) -> list[dict[str, Any]]:
        """All keys, without salts and hashes."""
        shown = [column for column in api_keys.c if column.name not in ("salt", "hash")]
        return [dict(row) for row in await self._store.read(select(*shown).order_by(api_keys.c.at, api_keys.c.id))]


def _hash(salt: bytes, secret: str) -> bytes:
    return hashlib.sha256(bytes(salt) + secret.encode()).digest()


def _used(key_id: str, now: float) -> Any:
    async def work(connection: Any) -> None:
        await connection.execute(update(api_keys).where(api_keys.c.id == key_id).values(last_used=now))

    return work
