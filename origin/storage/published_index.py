"""The index of published titles: cached in memory, and reloaded when the store reports a change.

It finds only objects of a title's publications. A path is looked up as a whole in the manifests, never in the store:
so nothing else of the store can be reached, and a request costs no listing. While the store fails, known titles are
still served.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from weakref import WeakValueDictionary

import msgspec
import structlog
from cachetools import LRUCache

from kernel.errors import StorageFailed
from kernel.http.dates import format_date
from kernel.store_faults import StoreFault
from origin.package.languages import language_tag
from origin.storage.library import Library
from origin.storage.records import CHANGE_MARK, FileRecord, TitleRecord, digest, object_key, title_key
from origin.stores.object_store import StoreFailed
from system.workers import run_workers

log = structlog.get_logger("origin")

MAX_OBJECTS = 400_000
"""Objects of all titles in memory; about 400 bytes each."""
READS_AT_ONCE = 8
PRIVATE_FIELDS = ("source", "recipe", "steering", "publications", "withdrawn")
"""How a title was made and is kept; not in `/library`."""


@dataclass(frozen=True, slots=True)
class PublishedObject:
    """A published object: its key in the store and its HTTP metadata; `etag` with quotes, `modified` an HTTP date."""

    content_id: str
    path: str
    key: str
    size: int
    etag: bytes
    modified: bytes
    immutable: bool


@dataclass(slots=True)
class _Title:
    tag: str
    checked: float
    files: dict[str, tuple[FileRecord, int]]
    """Path -> record and the number of its publication."""
    modified: dict[int, bytes]


@dataclass(slots=True)
class Listing:
    """The response body of `GET /library`."""

    body: bytes = b'{"titles":[]}'
    etag: str = '""'
    titles: int = 0


class PublishedIndex:
    """The published titles of a library. Times are monotonic seconds; a title is checked every `check_seconds`, the
    whole library every `scan_seconds`."""

    def __init__(
        self,
        library: Library,
        mono: Callable[[], float],
        *,
        check_seconds: float = 0.5,
        scan_seconds: float = 15.0,
        max_objects: int = MAX_OBJECTS,
    ) -> None:
        self._library = library
        self._mono = mono
        self._check_seconds = check_seconds
        self._scan_seconds = scan_seconds
        self._max_objects = max_objects
        self._titles: LRUCache[str, _Title] = LRUCache(max_objects, getsizeof=self._weight)
        self._checking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._scanning = asyncio.Lock()
        self._listing = Listing()
        self._mark: str | None = None
        self._listing_checked = self._listing_scanned = float("-inf")
        self._records: dict[str, tuple[str, TitleRecord]] = {}

    def _weight(self, title: _Title) -> int:
        return min(len(title.files) + 1, self._max_objects)

    async def find(self, content_id: str, path: str, *, recheck: bool = False) -> PublishedObject | None:
        """The published object at a path of a title, or None; `recheck` asks the store. Raises StorageFailed."""
        title = self._titles.get(content_id)
        if title is not None and recheck:
            title.checked = float("-inf")
        if title is None or self._mono() - title.checked >= self._check_seconds:
            title = await self._check_title(content_id)
        entry = title.files.get(path) if title else None
        if title is None or entry is None:
            return None
        record, number = entry
        key = object_key(content_id, number, record)
        etag = b'"' + record.etag.encode() + b'"'
        return PublishedObject(content_id, path, key, record.size, etag, title.modified[number], "/" in path)

    async def _check_title(self, content_id: str) -> _Title | None:
        lock = self._checking.get(content_id)
        if lock is None:
            lock = self._checking[content_id] = asyncio.Lock()
        async with lock:
            known = self._titles.get(content_id)
            if known and self._mono() - known.checked < self._check_seconds:
                return known  # another request checked it while we waited
            try:
                found = await self._reload(content_id, known)
            except StorageFailed as error:
                if known is None:
                    raise
                # Published objects do not change: what is known is still right, and a replica may have the bytes. A
                # title that was taken down meanwhile is served until the store answers again.
                log.warning("title-check-failed", content_id=content_id, error=str(error))
                found = known
            if found is None:
                self._titles.pop(content_id, None)
                return None
            found.checked = self._mono()
            self._titles[content_id] = found
            return found

    async def _reload(self, content_id: str, known: _Title | None) -> _Title | None:
        """The title as it is in the store; `known` itself if it did not change."""
        if known is not None:
            info = await self._library.store.info(title_key(content_id))
            if info is not None and info.tag == known.tag:
                return known
        stored = await self._library.read_title(content_id)
        if stored is None or stored.record.withdrawn:
            return None
        return await self._load(stored.record, stored.tag)

    async def _load(self, record: TitleRecord, tag: str) -> _Title:
        """All objects of all publications: viewers who started earlier still play an earlier one."""
        loaded = _Title(tag, 0.0, {}, {})
        for made in await self._library.publications(record):
            loaded.modified[made.number] = format_date(datetime.fromisoformat(made.published).timestamp())
            loaded.files |= {one.path: (one, made.number) for one in made.files}
            if made.number == record.version:
                loaded.files |= {one.path: (one, made.number) for one in made.tops}
        return loaded

    async def listing(self) -> Listing:
        """The library as JSON; checks for changes at most every `check_seconds`."""
        if self._mono() - self._listing_checked >= self._check_seconds:
            async with self._scanning:
                if self._mono() - self._listing_checked >= self._check_seconds:
                    await self._check_library()
        return self._listing

    async def _check_library(self) -> None:
        now = self._mono()
        info = await self._library.store.info(CHANGE_MARK)
        mark = info.tag if info else None
        # A kill between the write of the title and of the mark loses the mark, so scan now and then anyway.
        if mark != self._mark or now - self._listing_scanned >= self._scan_seconds:
            self._listing = await self._scan()
            self._mark, self._listing_scanned = mark, now
        self._listing_checked = now

    async def _scan(self) -> Listing:
        records: dict[str, tuple[str, TitleRecord]] = {}
        changed: list[str] = []
        async for content_id, tag in self._library.titles():
            known = self._records.get(content_id)
            if known and known[0] == tag:
                records[content_id] = known
            else:
                changed.append(content_id)
        waiting = iter(changed)

        async def work() -> None:
            for content_id in waiting:
                try:
                    stored = await self._library.read_title(content_id)
                except StoreFailed as error:
                    if error.fault is not StoreFault.DAMAGED:
                        raise
                    log.error("title-unreadable", content_id=content_id, error=str(error))  # noqa: TRY400 (says where)
                    continue
                if stored is not None:
                    records[content_id] = (stored.tag, stored.record)

        await run_workers(work, min(READS_AT_ONCE, len(changed)))
        self._records = dict(sorted(records.items()))
        published = [record for _, record in self._records.values() if not record.withdrawn]
        body = msgspec.json.encode({"titles": [library_fields(record) for record in published]})
        return Listing(body, f'"{digest(body)[:32]}"', len(published))


def library_fields(record: TitleRecord) -> dict[str, object]:
    """The fields of a title in `/library`; how it was encoded stays private."""
    fields: dict[str, object] = msgspec.to_builtins(record)
    shown = {name: value for name, value in fields.items() if name not in PRIVATE_FIELDS}
    return shown | {"tracks": _list_tracks(record)}


def _list_tracks(record: TitleRecord) -> list[dict[str, str]]:
    """The languages that viewers can choose; stereo and 5.1 of one track are one choice."""
    audio = [("audio", one.language, one.title) for one in record.sound]
    text = [("subtitles", one.language, one.title) for one in record.text]
    return [
        {"kind": kind, "language": language_tag(language), "name": name}
        for kind, language, name in dict.fromkeys((*audio, *text))
    ]
