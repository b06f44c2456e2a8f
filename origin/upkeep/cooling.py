"""Moves renditions that nobody plays to the cold store, and back when somebody does.

A move copies, verifies the copy, then deletes the original. Readers find an object in either store (see
`origin.stores.tiered_store`), so no viewer fails at any moment of it, and a kill loses nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from kernel.errors import StorageFailed
from kernel.store_faults import StoreFault
from origin.storage.library import Library
from origin.storage.records import FileRecord, Publication, object_key
from origin.stores.object_store import ObjectStore, StoreFailed
from origin.stores.open_store import Stores
from origin.stores.uploads import checksum_object, copy_object
from origin.upkeep.plays import DAY, read_days

log = structlog.get_logger("origin")

ALWAYS_HOT = ("thumbs",)
"""Folders that start so stay: pages of the catalogue show them."""
MAX_WANTED = 1000
"""Renditions that wait to be brought back; further ones are read from the cold store, and come back another time."""


@dataclass(slots=True)
class CoolingReport:
    """What was moved."""

    renditions: int = 0
    objects: int = 0
    bytes: int = 0
    failed: int = 0


def renditions_of(content_id: str, made: Sequence[Publication]) -> dict[str, dict[str, FileRecord]]:
    """The renditions of a title that may be cold: folder -> key in the store -> record."""
    found: dict[str, dict[str, FileRecord]] = {}
    for publication in made:
        for record in publication.files:
            folder, separator, _ = record.path.partition("/")
            if separator and not folder.startswith(ALWAYS_HOT):
                found.setdefault(folder, {})[object_key(content_id, publication.number, record)] = record
    return found


def cold_folders(
    made: Sequence[Publication], played: Mapping[str, int], today: int, after_days: int
) -> tuple[str, ...]:
    """The renditions that were published and last played at least `after_days` ago; days since 1970."""
    published: dict[str, int] = {}
    for publication in made:
        day = int(datetime.fromisoformat(publication.published).timestamp()) // DAY
        for record in publication.files:
            folder = record.path.partition("/")[0]
            published[folder] = min(day, published.get(folder, day))
    return tuple(
        folder for folder, day in published.items() if today - max(played.get(folder, 0), day) >= max(1, after_days)
    )


class WantedRenditions:
    """The renditions that were read from the cold store, in the order in which they were first read."""

    def __init__(self) -> None:
        self._wanted: dict[tuple[str, str], None] = {}
        self._some = asyncio.Event()

    def want(self, key: str) -> None:
        """An object was read from the cold store: its rendition is wanted back."""
        parts = key.split("/")
        in_publication = len(parts) > 3 and parts[2].startswith("publication-")
        folder = parts[3] if in_publication else parts[2]
        if len(self._wanted) < MAX_WANTED:
            self._wanted[(parts[1], folder)] = None
            self._some.set()

    async def next(self) -> tuple[str, str]:
        """(contentId, folder) of the one that waits longest; waits for one."""
        await self._some.wait()
        return next(iter(self._wanted))

    def done(self, content_id: str, folder: str) -> None:
        """It is back, or cannot be brought back now."""
        self._wanted.pop((content_id, folder), None)
        if not self._wanted:
            self._some.clear()


class Mover:
    """Moves renditions between the hot and the cold store."""

    def __init__(self, stores: Stores, cold: ObjectStore, wanted: WantedRenditions) -> None:
        self._library = Library(stores.store)
        self._hot = stores.hot
        self._cold = cold
        self._wanted = wanted

    async def cool(self, now: float, after_days: int) -> CoolingReport:
        """Move what nobody played for so long; `now` in Unix seconds."""
        report = CoolingReport()
        for content_id in await self._library.store.folders("titles/"):
            try:
                await self._cool_title(content_id, now, after_days, report)
            except StoreFailed as error:
                report.failed += 1
                log.warning("cooling-failed", content_id=content_id, error=str(error))
        return report

    async def _cool_title(self, content_id: str, now: float, after_days: int, report: CoolingReport) -> None:
        title = await self._library.title(content_id)
        if title is None:
            return
        made = await self._library.publications(title)
        played = await read_days(self._library.store, content_id)
        renditions = renditions_of(content_id, made)
        hot = {info.key async for info in self._hot.list(f"media/{content_id}/")}
        for folder in cold_folders(made, played, int(now) // DAY, after_days):
            there = {key: record for key, record in renditions.get(folder, {}).items() if key in hot}
            for key, record in there.items():
                await _copy_verified(self._hot, self._cold, key, record)
            await self._cold.make_durable(there)
            await self._hot.delete(there)
            report.renditions += bool(there)
            report.objects += len(there)
            report.bytes += sum(record.size for record in there.values())

    async def run(self) -> None:
        """Bring back what is wanted, one rendition after the other, until cancelled."""
        while True:
            content_id, folder = await self._wanted.next()
            try:
                objects = await self.bring_back(content_id, folder)
                log.info("rendition-brought-back", content_id=content_id, rendition=folder, objects=objects)
            except StorageFailed as error:
                log.warning("bring-back-failed", content_id=content_id, rendition=folder, error=str(error))
            finally:  # also after a bug, whose supervisor starts this task again
                self._wanted.done(content_id, folder)

    async def bring_back(self, content_id: str, folder: str) -> int:
        """Copy a rendition to the hot store; returns how many objects. The cold copies stay, for the next time."""
        title = await self._library.title(content_id)
        if title is None:
            return 0
        renditions = renditions_of(content_id, await self._library.publications(title))
        hot = {info.key async for info in self._hot.list(f"media/{content_id}/")}
        count = 0
        for key, record in renditions.get(folder, {}).items():
            if key not in hot:
                await _copy_verified(self._cold, self._hot, key, record)
                count += 1
        return count


async def _copy_verified(source: ObjectStore, target: ObjectStore, key: str, record: FileRecord) -> None:
    """Copy an object, and read the copy; a damaged copy is deleted. Fails with DAMAGED."""
    await copy_object(source, target, key, record.size)
    found = await checksum_object(target, key, record.size)
    if not found.sha256.startswith(record.digest):
        await target.delete([key])
        raise StoreFailed(StoreFault.DAMAGED, f"{key} in {source.name} is damaged, and was not moved: scrub it")
