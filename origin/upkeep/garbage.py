"""Garbage collection: superseded publications, what publishers left, masters past their retention."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
import structlog

from origin.storage.library import Library
from origin.storage.masters import Masters
from origin.storage.records import Publication, PublicationRef, TitleRecord
from origin.storage.sweeping import sweep
from origin.stores.folder import sweep_unfinished
from origin.stores.object_store import StoreFailed
from origin.stores.open_store import Stores

log = structlog.get_logger("origin")


@dataclass(frozen=True, slots=True)
class GarbagePolicy:
    """Seconds: how long after the last write what nobody names stays (`grace`), how long superseded publications stay
    playable (`superseded`), and how long masters are kept (`masters`; 0: for ever)."""

    grace: float
    superseded: float
    masters: float = 0.0


@dataclass(slots=True)
class GarbageReport:
    """What was deleted, or would be."""

    publications: int = 0
    objects: int = 0
    masters: int = 0
    unfinished: int = 0
    skipped: int = 0
    """Titles and masters whose records cannot be read: nothing of them is deleted."""


class Collector:
    """Collects garbage; `now` in Unix seconds. `is_dry`: count only."""

    def __init__(self, stores: Stores, policy: GarbagePolicy, now: float, *, is_dry: bool = False) -> None:
        self._stores = stores
        self._library = Library(stores.store)
        self._masters = Masters(stores.store)
        self._policy = policy
        self._now = now
        self._is_dry = is_dry
        self.report = GarbageReport()

    async def collect(self) -> GarbageReport:
        """Everything. A title or master whose record is damaged is left alone, and the others are collected."""
        ids: set[str] = set()
        for prefix in ("titles/", "manifests/", "media/"):
            ids |= set(await self._library.store.folders(prefix))
        for content_id in sorted(ids):
            try:
                before = self._now - self._policy.grace
                self.report.objects += await sweep(self._library, content_id, before=before, is_dry=self._is_dry)
                await self._drop_superseded(content_id)
            except StoreFailed as error:
                self.report.skipped += 1
                log.warning("garbage-skipped", content_id=content_id, error=str(error))
        for sha256 in await self._masters.listed():
            try:
                await self._expire_master(sha256)
            except StoreFailed as error:
                self.report.skipped += 1
                log.warning("garbage-skipped", master=sha256, error=str(error))
        for folder in self._stores.folders if not self._is_dry else ():
            # No put takes a day, whatever the grace period of a run is.
            before = self._now - max(self._policy.grace, 86400.0)
            self.report.unfinished += await asyncio.to_thread(sweep_unfinished, folder, before)
        return self.report

    async def _drop_superseded(self, content_id: str) -> None:
        """Take publications that were superseded long ago out of the title record. The next run
        deletes their objects: by then all origins have read the record."""
        title = await self._library.title(content_id)
        if title is None:
            return
        made = await self._library.publications(title)
        kept = still_kept(title.kept(), made, self._now - self._policy.superseded)
        self.report.publications += len(title.kept()) - len(kept)
        if len(kept) < len(title.kept()) and not self._is_dry:
            await self._library.change_title(content_id, lambda found: _without(found, title, kept))

    async def _expire_master(self, sha256: str) -> None:
        record = await self._masters.find(sha256)
        last = await self._masters.last_write(sha256)
        if last is None:
            return
        if record is None:
            is_old = last < self._now - self._policy.grace  # an upload that was given up
        else:
            is_old = bool(self._policy.masters) and last < self._now - self._policy.masters
        if is_old:
            self.report.masters += 1
            if not self._is_dry:
                await self._masters.delete(sha256)


def still_kept(
    refs: Sequence[PublicationRef], made: Sequence[Publication], superseded_before: float
) -> tuple[PublicationRef, ...]:
    """The publications that stay: the current one, and those superseded since `superseded_before` (Unix s).

    One of an older store whose segments its successor plays, without naming them, stays as long as that.
    """
    kept = [refs[-1]]
    for number in range(len(refs) - 2, -1, -1):
        superseded = datetime.fromisoformat(made[number + 1].published).timestamp()
        follows = refs[number + 1] in kept and not refs[number + 1].name
        inherits = follows and made[number + 1].files == made[number].files
        if superseded >= superseded_before or inherits:
            kept.append(refs[number])
    return tuple(reversed(kept))


def _without(found: TitleRecord, seen: TitleRecord, kept: Sequence[PublicationRef]) -> TitleRecord:
    """The record as it is by now, without what was to be dropped of the record that was seen."""
    dropped = set(seen.kept()) - set(kept)
    left = tuple(ref for ref in found.kept() if ref not in dropped)
    return msgspec.structs.replace(found, publications=left)
