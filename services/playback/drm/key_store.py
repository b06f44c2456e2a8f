"""The store of content keys: one for each publication and label, sealed under the master key.

A key is made once and never changes: the packager and every licence get the same one. In the database it is sealed
(AES-256-GCM) and bound to its key id, so that neither a copy of the database nor an exchange of rows discloses it.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlalchemy import Column, Float, Integer, MetaData, Table, Text, UniqueConstraint, select, update
from sqlalchemy.engine import RowMapping

from kernel.errors import BadRequest
from kernel.media.content_keys import KEY_BYTES, ContentKey, EncryptedContent, KeyLabel
from system.database.database import Database
from system.database.engine import DatabaseAddress
from system.database.migrations import Migrations
from system.sealing import SealingKeys

tables = MetaData()
content_keys = Table(
    "content_keys",
    tables,
    Column("key_id", Text, primary_key=True),
    Column("content_id", Text, nullable=False),
    Column("publication", Integer, nullable=False),
    Column("label", Text, nullable=False),
    Column("sealed", Text, nullable=False),
    Column("created", Float, nullable=False),
    UniqueConstraint("content_id", "publication", "label", name="one_key_a_label"),
)
MIGRATIONS = Migrations(tables, Path(__file__).with_name("migrations"), "0001")
RESEAL_PAGE = 500
MAX_LISTED = 16


class KeyStore:
    """Content keys in the schema `drm`; several processes may open it."""

    def __init__(self, address: DatabaseAddress, sealing: SealingKeys) -> None:
        self._database = Database(address, MIGRATIONS, "drm")
        self._sealing = sealing

    async def open(self) -> None:
        """Open or create the database. Raises StorageFailed."""
        await self._database.open()

    async def close(self) -> None:
        """Close the database."""
        await self._database.close()

    async def get_or_create(
        self, content: EncryptedContent, key_ids: Mapping[KeyLabel, str], now: float
    ) -> list[ContentKey]:
        """The key of each label, durably made where there was none; `key_ids` are proposals for new ones.

        A repeated request gets the keys, and the key ids, of the first one. Raises BadRequest (409) for a key id that
        belongs to another publication or label.
        """
        rows = [self._new_row(content, label, key_id, now) for label, key_id in key_ids.items()]
        own = (content_keys.c.content_id == content.content_id) & (content_keys.c.publication == content.publication)
        query = select(content_keys).where(own, content_keys.c.label.in_([str(label) for label in key_ids]))
        async with self._database.write() as connection:
            # Race: two packagers may ask at once; the second insert waits for the first and then changes nothing.
            await connection.execute(self._database.insert(content_keys).on_conflict_do_nothing(), rows)
            found = {row["label"]: row for row in (await connection.execute(query)).mappings()}
            missing = [label for label in key_ids if label not in found]
            if missing:
                taken = key_ids[missing[0]]
                raise BadRequest(409, "key-id-taken", f"the key id {taken} belongs to another publication or label")
        return [self._open(found[label]) for label in key_ids]

    async def find(self, content_id: str, key_ids: Sequence[str]) -> list[ContentKey]:
        """Those of the key ids that belong to the title, of any publication, in no order."""
        query = select(content_keys).where(
            content_keys.c.content_id == content_id, content_keys.c.key_id.in_(list(key_ids))
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [self._open(row) for row in rows]

    async def list_keys(self, content_id: str, labels: Sequence[KeyLabel]) -> list[ContentKey]:
        """The keys of a title with these labels, of its latest publications, MAX_LISTED at most."""
        query = select(content_keys).where(content_keys.c.content_id == content_id, content_keys.c.label.in_(labels))
        async with self._database.read() as connection:
            query = query.order_by(content_keys.c.publication.desc(), content_keys.c.label).limit(MAX_LISTED)
            rows = (await connection.execute(query)).mappings().all()
        return [self._open(row) for row in rows]

    async def reseal(self) -> int:
        """Seal keys of older master keys under the current one; returns how many were. A kill keeps what was done."""
        after, resealed = "", 0
        while True:
            query = select(content_keys.c.key_id, content_keys.c.sealed).where(content_keys.c.key_id > after)
            async with self._database.write() as connection:
                rows = (await connection.execute(query.order_by(content_keys.c.key_id).limit(RESEAL_PAGE))).all()
                for key_id, sealed in rows:
                    if self._sealing.needs_resealing(sealed):
                        fresh = self._sealing.seal(self._sealing.open(sealed, _context(key_id)), _context(key_id))
                        change = update(content_keys).where(content_keys.c.key_id == key_id)
                        await connection.execute(change.values(sealed=fresh))
                        resealed += 1
            if len(rows) < RESEAL_PAGE:
                return resealed
            after = rows[-1][0]

    def _new_row(self, content: EncryptedContent, label: KeyLabel, key_id: str, now: float) -> dict[str, object]:
        return {
            "key_id": key_id,
            "content_id": content.content_id,
            "publication": content.publication,
            "label": str(label),
            "sealed": self._sealing.seal(secrets.token_bytes(KEY_BYTES), _context(key_id)),
            "created": now,
        }

    def _open(self, row: RowMapping) -> ContentKey:
        return ContentKey(
            KeyLabel(row["label"]), row["key_id"], self._sealing.open(row["sealed"], _context(row["key_id"]))
        )


def _context(key_id: str) -> str:
    """What a sealed key is bound to: it does not open in another row."""
    return f"content-key:{key_id}"
