"""Publishing: one atomic write switches viewers from the old publication of a title to the new one.

The objects are stored first, under names that no playlist refers to yet; then `publication-<n>.json`; last the pointer
`title.json`. A kill at any point leaves the old or the new pointer; the next ingest sweeps the rest.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from kernel.errors import StorageFailed
from origin.storage.object_store import FolderStorage, Storage

T = TypeVar("T")
CHANGE_MARK = "mark.json"
_UPLOADS_AT_ONCE = 4


class FileRecord(msgspec.Struct, frozen=True, array_like=True):
    """One file of a publication: its path below the title, its size in bytes, and its content hash (the ETag)."""

    path: str
    size: int
    digest: str


class Rendition(msgspec.Struct, frozen=True, rename="camel"):
    """A video rendition: encoded size in pixels, nominal `lines`, peak `bandwidth` with audio in bit/s."""

    name: str
    width: int
    height: int
    lines: int
    bandwidth: int


class AudioRendition(msgspec.Struct, frozen=True, rename="camel"):
    """An audio rendition: ISO 639 language or `und`, bandwidth in bit/s."""

    name: str
    language: str
    bandwidth: int


class EncryptionRecord(msgspec.Struct, frozen=True, rename="camel"):
    """How a publication is encrypted: the scheme (cbcs, cenc) and the key ids in hex by label (SD, HD, UHD, AUDIO)."""

    scheme: str
    key_ids: dict[str, str]


class Publication(msgspec.Struct, frozen=True, rename="camel"):
    """All files of one publication: `files` never change, `tops` are replaced by those of the next publication."""

    number: int
    published: str
    files: tuple[FileRecord, ...]
    tops: tuple[FileRecord, ...]


class TitleRecord(msgspec.Struct, frozen=True, rename="camel"):
    """The pointer of a title. `source` and `recipe` show whether an ingest would produce the same files."""

    content_id: str
    title: str
    version: int
    published: str
    duration: float
    countries: tuple[str, ...] | None
    metadata: dict[str, Any]
    renditions: tuple[Rendition, ...]
    sound: tuple[AudioRendition, ...]
    streams: dict[str, str]
    tiers: dict[str, dict[str, str]]
    thumbnail: str | None
    thumbnails: str | None
    source: str
    recipe: str
    steering: str = ""
    """The gateway for content steering that its top files name; "": none."""
    encryption: EncryptionRecord | None = None
    """None: the files are clear."""


class Library:
    """The titles of a store, for ingest and the origin."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    def title(self, content_id: str) -> TitleRecord | None:
        """The published title, or None. Raises StorageFailed if its record is damaged."""
        data = self.storage.get(title_key(content_id))
        return _decoded(data, TitleRecord, title_key(content_id)) if data is not None else None

    def publication(self, content_id: str, number: int) -> Publication:
        """The files of one publication. Raises StorageFailed if its record is missing or damaged."""
        key = publication_key(content_id, number)
        data = self.storage.get(key)
        if data is None:
            raise StorageFailed(f"{key} is missing from the store")
        return _decoded(data, Publication, key)

    def content_ids(self) -> Iterator[str]:
        """The contentIds of all published titles."""
        for stored in self.storage.list("titles/"):
            parts = stored.key.split("/")
            if len(parts) == 3 and parts[2] == "title.json":
                yield parts[1]

    def is_whole(self, title: TitleRecord) -> bool:
        """Whether the store holds every object of the latest publication with the right size."""
        there = {stored.key: stored.size for stored in self.storage.list(f"media/{title.content_id}/")}
        newest = self.publication(title.content_id, title.version)
        return all(there.get(key) == record.size for key, record in _objects(title.content_id, newest))

    def sweep(self, content_id: str) -> int:
        """Delete objects of a killed ingest, which no publication names; returns how many. Hold the title's lock."""
        title = self.title(content_id)
        known: set[str] = set()
        for number in range(1, (title.version if title else 0) + 1):
            known |= {key for key, _ in _objects(content_id, self.publication(content_id, number))}
        strays = [stored.key for stored in self.storage.list(f"media/{content_id}/") if stored.key not in known]
        self.storage.delete(strays)
        swept = len(strays)
        if isinstance(self.storage, FolderStorage):
            swept += sum(self.storage.sweep_unfinished(f"{top}/{content_id}") for top in ("media", "titles"))
        return swept

    def publish(
        self, title: TitleRecord, tree: Path, tops: Mapping[str, bytes], on_file: Callable[[int], object]
    ) -> Publication:
        """Store `tree` and the top files as publication `title.version`, then make it current.

        Calls `on_file` with the number of objects stored so far. On StorageFailed the old publication stays current.
        """
        files = sorted(file for file in tree.rglob("*") if file.is_file())
        records = tuple(_record(file.relative_to(tree).as_posix(), file) for file in files)
        heads = tuple(FileRecord(name, len(data), digest(data)) for name, data in sorted(tops.items()))
        made = Publication(title.version, title.published, records, heads)
        keys = dict(_objects(title.content_id, made))
        with ThreadPoolExecutor(max_workers=_UPLOADS_AT_ONCE) as pool:
            puts = [
                pool.submit(self.storage.put_file, media_key(title.content_id, record.path), file)
                for record, file in zip(records, files, strict=True)
            ]
            try:
                for count, put in enumerate(puts, start=1):
                    put.result()
                    on_file(count)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        for name, data in tops.items():
            self.storage.put(top_key(title.content_id, title.version, name), data)
        self.storage.put(publication_key(title.content_id, title.version), _json(made))
        self.storage.make_durable([*keys, publication_key(title.content_id, title.version)])
        self.set_current(title)
        return made

    def set_current(self, title: TitleRecord) -> None:
        """Make this record the current one: the atomic write that viewers see."""
        self.storage.put(title_key(title.content_id), _json(title))
        self.storage.make_durable([title_key(title.content_id)])
        self.signal_change()

    def signal_change(self) -> None:
        """Signal running origins to reload. They also scan by themselves, in case a kill prevents this."""
        self.storage.put(CHANGE_MARK, _json({"mark": os.urandom(8).hex()}))


def title_key(content_id: str) -> str:
    """The key of a title's pointer."""
    return f"titles/{content_id}/title.json"


def publication_key(content_id: str, number: int) -> str:
    """The key of the file list of a publication."""
    return f"titles/{content_id}/publication-{number}.json"


def media_key(content_id: str, path: str) -> str:
    """The key of a file that never changes."""
    return f"media/{content_id}/{path}"


def top_key(content_id: str, number: int, name: str) -> str:
    """The key of a top file of publication `number`."""
    return f"media/{content_id}/top-{number}/{name}"


def digest(data: bytes) -> str:
    """128 bits of SHA-256 in hex, used as the strong ETag."""
    return hashlib.sha256(data).hexdigest()[:32]


def _record(path: str, file: Path) -> FileRecord:
    with file.open("rb") as opened:
        return FileRecord(path, file.stat().st_size, hashlib.file_digest(opened, "sha256").hexdigest()[:32])


def _objects(content_id: str, publication: Publication) -> Iterator[tuple[str, FileRecord]]:
    for record in publication.files:
        yield media_key(content_id, record.path), record
    for record in publication.tops:
        yield top_key(content_id, publication.number, record.path), record


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=0 if isinstance(value, Publication) else 1)


def _decoded(data: bytes, kind: type[T], key: str) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StorageFailed(f"{key} in the store is damaged: {error}") from None
