"""What the origin serves: the published titles, remembered, and looked at anew when the store says they changed.

Only what a title's pointer names is found; a path is looked up as a whole in the list of published files, never in the
file system.
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
from origin.storage.library import MARK, FileRecord, Library, TitleRecord, digest, media_key, title_key, top_key

log = structlog.get_logger("origin")


@dataclass(frozen=True, slots=True)
class Found:
    """A published object: where it lies and what HTTP says of it; `etag` with its quotes, `modified` an HTTP date."""

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
    """Path → record and the number of the publication it belongs to."""
    modified: dict[int, bytes]
    version: int


@dataclass(slots=True)
class Listing:
    """`GET /library`, ready to send."""

    body: bytes = b'{"titles":[]}'
    etag: str = '""'
    titles: int = 0


class PublishedIndex:
    """The titles of a library as served; times in s of `mono`."""

    def __init__(
        self,
        library: Library,
        mono: Callable[[], float],
        *,
        look_every: float = 0.5,
        scan_every: float = 15.0,
        most: int = 256,
    ) -> None:
        self._library = library
        self._mono = mono
        self._look_every = look_every
        self._scan_every = scan_every
        self._titles: LRUCache[str, _Title] = LRUCache(most)
        self._looking = asyncio.Lock()
        self._listing = Listing()
        self._mark: str | None = None
        self._listing_looked = self._listing_scanned = float("-inf")
        self._records: dict[str, tuple[str, TitleRecord]] = {}

    async def find(self, content_id: str, path: str) -> Found | None:
        """The published object of that name, or None. StorageFailed."""
        title = self._titles.get(content_id)
        if title is None or self._mono() - title.checked >= self._look_every:
            async with self._looking:
                title = await self._look(content_id)
        if title is None:
            return None
        entry = title.files.get(path)
        if entry is None:
            return None
        record, number = entry
        top = "/" not in path
        key = top_key(content_id, number, path) if top else media_key(content_id, path)
        etag = b'"' + record.digest.encode() + b'"'
        return Found(content_id, path, key, record.size, etag, title.modified[number], immutable=not top)

    async def _look(self, content_id: str) -> _Title | None:
        known = self._titles.get(content_id)
        if known and self._mono() - known.checked < self._look_every:
            return known  # somebody looked while we waited
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
        """All files of all publications: those of earlier ones are still played by whoever began with them."""
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
        """The library as JSON; looks whether anything is new at most every `look_every`."""
        if self._mono() - self._listing_looked >= self._look_every:
            async with self._looking:
                if self._mono() - self._listing_looked >= self._look_every:
                    await self._look_over()
        return self._listing

    async def _look_over(self) -> None:
        now = self._mono()
        mark = await asyncio.to_thread(self._library.storage.tag, MARK)
        # The mark may be missing after a kill between pointer and mark, so it is not trusted for long.
        if mark != self._mark or now - self._listing_scanned >= self._scan_every:
            self._listing = await asyncio.to_thread(self._scan)
            self._mark, self._listing_scanned = mark, now
        self._listing_looked = now

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
        body = msgspec.json.encode({"titles": [shown(record) for _, record in records.values()]})
        return Listing(body, f'"{digest(body)}"', len(records))


def shown(record: TitleRecord) -> dict[str, object]:
    """A title as `/library` tells it; how it was made stays here."""
    fields: dict[str, object] = msgspec.to_builtins(record)
    return {name: value for name, value in fields.items() if name not in ("source", "recipe", "steering")}
