"""The scrubber: reads every copy of every object, compares its checksum, and repairs from a copy that is good."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from kernel.store_faults import StoreFault
from origin.storage.library import Library
from origin.storage.masters import MasterRecord, Masters, record_key
from origin.storage.records import Publication, TitleRecord, decode_record, manifest_key, object_key, title_key
from origin.stores.object_store import ObjectStore, Stored, StoreFailed
from origin.stores.open_store import Stores
from origin.stores.uploads import checksum_object, copy_object
from origin.upkeep.repairs import Copy, Health, plan_repair

R = TypeVar("R", TitleRecord, Publication, MasterRecord)
log = structlog.get_logger("origin")

Repairing = Callable[[ObjectStore, ObjectStore], Awaitable[bool]]
"""(source, target) -> whether the copy is good."""

MAX_FINDINGS = 200
"""Findings of a report; all are in the log."""


@dataclass(slots=True)
class ScrubReport:
    """What a pass found. `findings` are sentences, at most MAX_FINDINGS."""

    titles: int = 0
    objects: int = 0
    bytes: int = 0
    damaged: int = 0
    missing: int = 0
    repaired: int = 0
    lost: int = 0
    unchecked: int = 0
    findings: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether every copy is good now."""
        return not self.lost and not self.unchecked and self.damaged + self.missing == self.repaired

    def note(self, sentence: str) -> None:
        """Log a finding, and keep it."""
        log.warning("scrub-finding", finding=sentence)
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(sentence)


class Scrubber:
    """One pass over the stores. `rate` is in bytes/s, 0: as fast as possible; `mono` gives monotonic seconds."""

    def __init__(
        self,
        stores: Stores,
        mono: Callable[[], float],
        *,
        rate: int = 0,
        repairs: bool = True,
        report: ScrubReport | None = None,
    ) -> None:
        self._library = Library(stores.store)
        self._masters = Masters(stores.store)
        copies = {Copy.HOT: stores.hot, Copy.COLD: stores.cold, Copy.REPLICA: stores.replica}
        self._copies = {copy: store for copy, store in copies.items() if store is not None}
        self._mono = mono
        self._rate = rate
        self._repairs = repairs
        self.report = report or ScrubReport()

    async def scrub(
        self,
        after: str = "",
        on_title: Callable[[str], object] = lambda _: None,
        note_progress: Callable[[str], Awaitable[object]] | None = None,
    ) -> ScrubReport:
        """All titles with a contentId above `after`, then all masters. Calls `on_title` before each title.

        `note_progress` is awaited after each title and each master, with the `after` of a pass that goes on from there.
        """
        ids = await self._library.store.folders("titles/")
        for content_id in sorted(one for one in ids if one > after):
            on_title(content_id)
            await self.scrub_title(content_id)
            after = content_id
            if note_progress is not None:
                await note_progress(after)
        for sha256 in await self._masters.listed():
            await self.scrub_master(sha256)
            if note_progress is not None:
                await note_progress(after)
        return self.report

    async def scrub_title(self, content_id: str) -> None:
        """The records of a title, then all objects of the publications that it keeps."""
        self.report.titles += 1
        title = await self._scrub_record(title_key(content_id), TitleRecord)
        if title is None:
            return
        for ref in title.kept():
            await self._scrub_record(manifest_key(content_id, ref), Publication)
        try:
            made = await self._library.publications(title)
        except StoreFailed as error:
            self.report.note(f"the objects of {content_id} were not checked: {error}")
            self.report.unchecked += 1
            return
        wanted = {
            object_key(content_id, one.number, record): (record.size, record.digest)
            for one in made
            for record in one.objects()
        }
        for key, (size, digest) in wanted.items():
            await self._scrub_object(key, size, digest)

    async def scrub_master(self, sha256: str) -> None:
        """The record and the parts of a master. One that is not complete is being stored, or is garbage."""
        if await self._library.store.info(record_key(sha256)) is None:
            return
        record = await self._scrub_record(record_key(sha256), MasterRecord)
        for part in record.parts if record else ():
            await self._scrub_object(part.key, part.size, part.digest)

    async def _scrub_object(self, key: str, size: int, digest: str) -> None:
        started = self._mono()
        found = {
            copy: await _health(store, key, size, digest)
            for copy, store in self._copies.items()
            if copy is not Copy.COLD or key.startswith("media/")
        }
        self.report.objects += 1
        self.report.bytes += size
        await self._settle(key, found, lambda source, target: self._copy(source, target, key, size, digest))
        if self._rate:
            await asyncio.sleep(max(0.0, size * len(found) / self._rate - (self._mono() - started)))

    async def _copy(self, source: ObjectStore, target: ObjectStore, key: str, size: int, digest: str) -> bool:
        await copy_object(source, target, key, size)
        return await _health(target, key, size, digest) is Health.GOOD

    async def _scrub_record(self, key: str, kind: type[R]) -> R | None:
        """A record has no checksum: it is good if it can be decoded. Of two good ones the hot store's is newer."""
        copies = {copy: store for copy, store in self._copies.items() if copy is not Copy.COLD}
        found: dict[Copy, Health] = {}
        data: dict[Copy, bytes] = {}
        for copy, store in copies.items():
            found[copy], stored = await _record_health(store, key, kind)
            if stored is not None:
                data[copy] = stored.data
        if Copy.HOT in data and Copy.REPLICA in data and data[Copy.HOT] != data[Copy.REPLICA]:
            found[Copy.REPLICA] = Health.DAMAGED

        async def copy_record(_: ObjectStore, target: ObjectStore) -> bool:
            await target.put(key, data[Copy.HOT] if found[Copy.HOT] is Health.GOOD else data[Copy.REPLICA])
            await target.make_durable([key])
            return True

        await self._settle(key, found, copy_record)
        good = next((data[copy] for copy in (Copy.HOT, Copy.REPLICA) if found.get(copy) is Health.GOOD), None)
        return decode_record(good, kind, key) if good is not None else None

    async def _settle(self, key: str, found: Mapping[Copy, Health], copy: Repairing) -> None:
        """Count what was found, and repair it."""
        repair = plan_repair(found)
        if repair.is_lost:
            self.report.lost += 1
            self.report.note(f"{key} is lost: " + ", ".join(f"{health} in the {one}" for one, health in found.items()))
            return
        unknown = [one for one, health in found.items() if health is Health.UNKNOWN]
        if unknown:
            self.report.unchecked += 1
            self.report.note(f"{key} was not checked in the {unknown[0]}, which does not answer")
        for target in repair.targets:
            health = found[target]
            self.report.damaged += health is Health.DAMAGED
            self.report.missing += health is Health.MISSING
            done = self._repairs and repair.source is not None and await self._try(copy, key, repair.source, target)
            self.report.repaired += bool(done)
            self.report.note(
                f"{key} was {health} in the {target}" + (f" and is repaired from the {repair.source}" if done else "")
            )

    async def _try(self, copy: Repairing, key: str, source: Copy, target: Copy) -> bool:
        try:
            return await copy(self._copies[source], self._copies[target])
        except StoreFailed as error:
            self.report.note(f"{key} could not be repaired in the {target}: {error}")
            return False


async def _health(store: ObjectStore, key: str, size: int, digest: str) -> Health:
    """Read a copy whole. Stores of older versions know the first half of the SHA-256."""
    try:
        info = await store.info(key)
        if info is None:
            return Health.MISSING
        if not store.fits(info.size, size):
            return Health.DAMAGED
        found = await checksum_object(store, key, size)
    except StoreFailed as error:
        if error.fault is StoreFault.MISSING:
            return Health.MISSING
        return Health.DAMAGED if error.fault is StoreFault.DAMAGED else Health.UNKNOWN
    return Health.GOOD if found.sha256.startswith(digest) else Health.DAMAGED


async def _record_health(
    store: ObjectStore, key: str, kind: type[TitleRecord | Publication | MasterRecord]
) -> tuple[Health, Stored | None]:
    try:
        stored = await store.get(key)
        if stored is None:
            return Health.MISSING, None
        decode_record(stored.data, kind, key)
    except StoreFailed as error:
        return (Health.DAMAGED if error.fault is StoreFault.DAMAGED else Health.UNKNOWN), None
    return Health.GOOD, stored
