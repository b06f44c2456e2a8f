"""The index of published titles: cached in memory, and reloaded when the store reports a change.

It finds only files of a title's publications. A path is looked up as a whole in the list of published files, never in
the file system.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import msgspec
import structlog
from cachetools import LRUCache

from kernel.errors import StorageFailed
from kernel.http.dates import format_date
from origin.storage.library import CHANGE_MARK, FileRecord, Library, TitleRecord, digest, media_key, title_key, top_key

log = structlog.get_logger("origin")


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
    version: int


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
        max_titles: int = 256,
    ) -> None:
        self._library = library
        self._mono = mono
        self._check_seconds = check_seconds
        self._scan_seconds = scan_seconds
        self._titles: LRUCache[str, _Title] = LRUCache(max_titles)
        self._checking = asyncio.Lock()
        self._listing = Listing()
        self._mark: str | None = None
        self._listing_checked = self._listing_scanned = float("-inf")
        self._records: dict[str, tuple[str, TitleRecord]] = {}

    async def find(self, content_id: str, path: str) -> PublishedObject | None:
        """The published object at a path of a title, or None. Raises StorageFailed."""
        title = self._titles.get(content_id)
        if title is None or self._mono() - title.checked >= self._check_seconds:
            async with self._checking:
                title = await self._check_title(content_id)
        if title is None:
            return None
        entry = title.files.get(path)
        if entry is None:
            return None
        record, number = entry
        top = "/" not in path
        key = top_key(content_id, number, path) if top else media_key(content_id, path)
        etag = b'"' + record.digest.encode() + b'"'
        return PublishedObject(content_id, path, key, record.size, etag, title.modified[number], immutable=not top)

    async def _check_title(self, content_id: str) -> _Title | None:
        known = self._titles.get(content_id)
        if known and self._mono() - known.checked < self._check_seconds:
            return known  # another request checked it while we waited
        tag = await asyncio.to_thread(self._library.storage.tag, title_key(content_id))
        if tag is None:
            self._titles.pop(content_id, None)
            return None
        if known is None or known.tag != tag:
            known = await asyncio.to_thread(self._load, content_id, tag)
            self._titles[content_id] = known
        known.checked = self._mono()
        return known

    def _load(self, content_id: str, tag: str) -> _Title:
        """All files of all publications: viewers who started earlier still play an earlier one."""
        record = self._library.title(content_id)
        loaded = _Title(tag, 0.0, {}, {}, record.version if record else 0)
        for number in range(1, loaded.version + 1):
            publication = self._library.publication(content_id, number)
            loaded.modified[number] = format_date(datetime.fromisoformat(publication.published).timestamp())
            loaded.files |= {one.path: (one, number) for one in publication.files}
            if number == loaded.version:
                loaded.files |= {one.path: (one, number) for one in publication.tops}
        return loaded

    async def listing(self) -> Listing:
        """The library as JSON; checks for changes at most every `check_seconds`."""
        if self._mono() - self._listing_checked >= self._check_seconds:
            async with self._checking:
                if self._mono() - self._listing_checked >= self._check_seconds:
                    await self._check_library()
        return self._listing

    async def _check_library(self) -> None:
        now = self._mono()
        mark = await asyncio.to_thread(self._library.storage.tag, CHANGE_MARK)
        # A kill between the write of the pointer and of the mark loses the mark, so scan now and then anyway.
        if mark != self._mark or now - self._listing_scanned >= self._scan_seconds:
            self._listing = await asyncio.to_thread(self._scan)
            self._mark, self._listing_scanned = mark, now
        self._listing_checked = now

    def _scan(self) -> Listing:
        records: dict[str, tuple[str, TitleRecord]] = {}
        for content_id in sorted(self._library.content_ids()):
            tag = self._library.storage.tag(title_key(content_id))
            known = self._records.get(content_id)
            if tag is not None and known and known[0] == tag:
                records[content_id] = known
                continue
            try:
                record = self._library.title(content_id)
            except StorageFailed as error:
                log.error("title-unreadable", content_id=content_id, error=str(error))  # noqa: TRY400 (says where)
                continue
            if record is not None and tag is not None:
                records[content_id] = (tag, record)
        self._records = records
        body = msgspec.json.encode({"titles": [library_fields(record) for _, record in records.values()]})
        return Listing(body, f'"{digest(body)}"', len(records))


def library_fields(record: TitleRecord) -> dict[str, object]:
    """The fields of a title in `/library`; how it was encoded stays private."""
    fields: dict[str, object] = msgspec.to_builtins(record)
    return {name: value for name, value in fields.items() if name not in ("source", "recipe", "steering")}
