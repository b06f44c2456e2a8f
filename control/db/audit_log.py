"""The audit log at work: verifies the chain, watches its end, prunes old rows.

The head in the database says where the log ends. Whoever can write to the database could restore an older head with
its rows; so each replica also keeps the last row it saw in a file, sealed by the audit key, at most seconds behind.
That anchor only moves forward: a database behind it, or with another row there, is reported as broken.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from sqlalchemy import select

from control.audit.chain import Break, Keyring, Verifier, is_sealed
from control.audit.entry import Action, AuditEntry, Author
from control.db.audit_table import pages, prune, read_head
from control.db.schema import audit
from control.db.store import Store, Tx
from kernel.clock import Clock
from kernel.errors import BadSettings, Overloaded, StorageFailed
from kernel.vocabulary import OverloadReason
from system.clock import sleep
from system.durable_files import replace_file

KEEP_EVERY = 1.0
"""Seconds between two writes of the file."""
PRUNE_EVERY = 600.0
VERIFY_WITHIN = 600.0
MAX_VERIFYING = 2
"""Verifications at once: each reads the whole log."""
MAX_BYTES = 4096

log = structlog.get_logger("control")


class Verification(NamedTuple):
    """The result of a verification; `more`: there are further breaks."""

    rows: int
    first: int
    last: int
    breaks: Sequence[Break]
    more: bool


class Anchor(NamedTuple):
    """The last row seen, as kept outside the database: its number and hash."""

    seq: int
    hash: str


class AuditLog:
    """A store's audit log; run `run` as one task. `file`: the anchor; `keep`: seconds to keep rows (0: for ever)."""

    def __init__(self, store: Store, clock: Clock, file: Path | None = None, keep: float = 0.0) -> None:
        self.file = file
        self.keep = keep
        self.broken = ""
        """The last break found, "" while there is none: for the counter."""
        self._store = store
        self._clock = clock
        self._verifying = 0
        self._changed = asyncio.Event()
        self._changed.set()
        store.on_change("audit", self._changed.set)

    @property
    def _keyring(self) -> Keyring:
        return self._store.keyring

    async def start(self, *, lost: bool = False) -> None:
        """Check that the key that seals the log is in the key file. Raises BadSettings, StorageFailed.

        With `lost` the log continues under the file's key all the same, and records that.
        """
        async with self._store.snapshot() as connection:
            head = await read_head(connection)
        if head is not None and head["key"] not in self._keyring.keys and not lost:
            raise BadSettings(
                "audit_key_file",
                f"the audit log is sealed under the key {head['key']}, which is not in the file: put that key back, or "
                "share the file of the other replicas; if it is lost for good, start once with audit_key_lost",
            )
        await self.check_end()

    async def verify(self, after: int = 0) -> Verification:
        """Verify the whole chain, or the rows after one. Raises Overloaded, StorageFailed."""
        if self._verifying >= MAX_VERIFYING:
            raise Overloaded(OverloadReason.AUDIT_BEING_VERIFIED)
        self._verifying += 1
        try:
            async with asyncio.timeout(VERIFY_WITHIN), self._store.snapshot() as connection:
                head, (seen, damaged) = await read_head(connection), self._read_anchor()
                verifier = Verifier(self._keyring, head, seen, after)
                if damaged:
                    verifier.breaks.append(Break(0, damaged))
                async for page in pages(connection, after):
                    await asyncio.to_thread(verifier.add_rows, page)
                verifier.finish()
        except TimeoutError:
            raise Overloaded(OverloadReason.AUDIT_TOO_LONG) from None
        finally:
            self._verifying -= 1
        breaks = sorted(verifier.breaks)
        self._report(f"row {breaks[0].seq}: {breaks[0].why}" if breaks else "")
        return Verification(verifier.rows, verifier.first, verifier.last, breaks, verifier.more)

    async def check_end(self) -> None:
        """Compare the end of the log with the anchor, and move the anchor forward. Raises StorageFailed."""
        seen, damaged = self._read_anchor()
        async with self._store.snapshot() as connection:
            head = await read_head(connection)
            query = select(audit.c.hash).where(audit.c.seq == (seen.seq if seen else 0))
            there = (await connection.execute(query)).scalar()
        why = damaged
        if head is None:
            why = why or ("the log and its head are gone" if seen else "")
        elif head["key"] in self._keyring.keys and not is_sealed(head, self._keyring):
            why = why or "its head was altered"
        elif seen is not None and head["last"] < seen.seq:
            why = why or f"rows {head['last'] + 1} to {seen.seq} are missing"
        elif seen is not None and there != seen.hash and head["first"] <= seen.seq:
            why = why or f"row {seen.seq} is not the one that was there"
        if why:
            self._report(why)
        elif self.file is not None and head is not None and (seen is None or head["last"] > seen.seq):
            await asyncio.to_thread(self._write_anchor, self.file, Anchor(head["last"], head["hash"]))

    def _report(self, why: str) -> None:
        if why and why != self.broken:
            log.error("audit-log-broken", why=why)
        self.broken = why or self.broken

    async def run(self) -> None:
        """Move the anchor and prune the oldest rows, for ever."""
        pruned_at = self._clock.mono() - PRUNE_EVERY
        while True:
            await self._changed.wait()
            self._changed.clear()
            with contextlib.suppress(Overloaded, StorageFailed):  # the store has logged it, and the next round retries
                await self.check_end()
                if self.keep and self._clock.mono() - pruned_at >= PRUNE_EVERY:
                    pruned_at = self._clock.mono()
                    await self.prune(self._clock.wall())
            await sleep(self._clock, KEEP_EVERY)

    async def prune(self, now: float) -> None:
        """Delete the rows older than `keep`. Raises Overloaded, StorageFailed."""

        async def work(tx: Tx) -> None:
            gone = await prune(tx.connection, self._keyring, now - self.keep)
            if gone is not None:
                tx.add_audit_entry(
                    AuditEntry(Action.AUDIT_PRUNE, f"rows {gone['first']} to {gone['last']}", gone, None)
                )

        await self._store.transact(work, Author("control", now, "older than the setting audit_keep"))

    # -- the anchor file ---------------------------------------------------------------------------------------

    def _read_anchor(self) -> tuple[Anchor | None, str]:
        """(anchor, error): the anchor in the file, and what is wrong with the file."""
        if self.file is None:
            return None, ""
        try:
            with self.file.open("rb") as file:
                held = json.loads(file.read(MAX_BYTES))
            seen, key, mac = Anchor(int(held["seq"]), str(held["hash"])), str(held["key"]), str(held["mac"])
        except FileNotFoundError:
            return None, ""
        except (OSError, ValueError, KeyError, TypeError) as error:
            return None, f"{self.file} cannot be read: {type(error).__name__}"
        if key not in self._keyring.keys:
            return None, ""  # sealed by a lost key: the log itself records the loss
        if self._keyring.mac(key, ["seen", *seen]) != mac:
            return None, f"{self.file} was altered"
        return seen, ""

    def _write_anchor(self, file: Path, seen: Anchor) -> None:
        key = self._keyring.current
        held = {"seq": seen.seq, "hash": seen.hash, "key": key, "mac": self._keyring.mac(key, ["seen", *seen])}
        try:
            replace_file(file, json.dumps(held).encode(), concurrent=True)  # replicas may share the folder
        except OSError as error:
            log.warning("audit-anchor-not-stored", why=error.strerror)


def verification_json(verdict: Verification) -> dict[str, Any]:
    """A verification as the API shows it."""
    return {
        "holds": not verdict.breaks,
        "rows": verdict.rows,
        "first": verdict.first,
        "last": verdict.last,
        "broken": [{"seq": one.seq, "why": one.why} for one in verdict.breaks],
        "more": verdict.more,
    }
