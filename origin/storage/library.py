"""PUBLISH: what viewers see of a title changes by one write, or not at all.

First all objects, under names no viewer can ask for yet; then `publication-<n>.json`; last `title.json`, the
pointer. A kill anywhere leaves the old pointer or the new one; what a dead ingest left is swept by the next.
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
MARK = "mark.json"
_UPLOADS_AT_ONCE = 4


class FileRecord(msgspec.Struct, frozen=True, array_like=True):
    """One file of a publication: its path below the title, bytes, and the hash of its content (the ETag)."""

    path: str
    size: int
    digest: str


class Rendition(msgspec.Struct, frozen=True, rename="camel"):
    """One rung as the library shows it: pixels as encoded, nominal `lines`, `bandwidth` in bit/s (peak, with sound)."""

    name: str
    width: int
    height: int
    lines: int
    bandwidth: int


class AudioRendition(msgspec.Struct, frozen=True, rename="camel"):
    """One sound track: ISO 639 language or `und`, bandwidth in bit/s."""

    name: str
    language: str
    bandwidth: int


class Publication(msgspec.Struct, frozen=True, rename="camel"):
    """All files of one publication: `files` never change, `tops` are replaced by the next publication's."""

    number: int
    published: str
    files: tuple[FileRecord, ...]
    tops: tuple[FileRecord, ...]


class TitleRecord(msgspec.Struct, frozen=True, rename="camel"):
    """The pointer of a title; `source` and `recipe` tell whether an ingest is the same again."""

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
    """The gateway that its top files name for content steering; "" = none."""


class Library:
    """The titles of a store, as ingest and origin read and change them."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    def title(self, content_id: str) -> TitleRecord | None:
        """The title as published; None when it is not. StorageFailed when its record is damaged."""
        data = self.storage.get(title_key(content_id))
        return _decoded(data, TitleRecord, title_key(content_id)) if data is not None else None

    def publication(self, content_id: str, number: int) -> Publication:
        """The files of one publication; StorageFailed when they are not on record."""
        key = publication_key(content_id, number)
        data = self.storage.get(key)
        if data is None:
            raise StorageFailed(f"{key} is missing from the store")
        return _decoded(data, Publication, key)

    def content_ids(self) -> Iterator[str]:
        """All published titles."""
        for stored in self.storage.list("titles/"):
            parts = stored.key.split("/")
            if len(parts) == 3 and parts[2] == "title.json":
                yield parts[1]

    def is_whole(self, title: TitleRecord) -> bool:
        """Whether every object of the newest publication is in the store with its size."""
        there = {stored.key: stored.size for stored in self.storage.list(f"media/{title.content_id}/")}
        newest = self.publication(title.content_id, title.version)
        return all(there.get(key) == record.size for key, record in _objects(title.content_id, newest))

    def sweep(self, content_id: str) -> int:
        """Remove what no publication names: the rest of an ingest that died. Only under the title's lock."""
        title = self.title(content_id)
        known: set[str] = set()
        for number in range(1, (title.version if title else 0) + 1):
            known |= {key for key, _ in _objects(content_id, self.publication(content_id, number))}
        strays = [stored.key for stored in self.storage.list(f"media/{content_id}/") if stored.key not in known]
        self.storage.delete(strays)
        swept = len(strays)
        if isinstance(self.storage, FolderStorage):
            swept += sum(self.storage.sweep(f"{top}/{content_id}") for top in ("media", "titles"))
        return swept

    def publish(
        self, title: TitleRecord, tree: Path, tops: Mapping[str, bytes], on_file: Callable[[int], object]
    ) -> Publication:
        """Store `tree` and the top files as publication `title.version`, then let viewers see it.

        `on_file` is told how many objects are stored. StorageFailed leaves the old publication in force.
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
        self.storage.settle([*keys, publication_key(title.content_id, title.version)])
        self.point(title)
        return made

    def point(self, title: TitleRecord) -> None:
        """Make this record the one viewers see: the one write that counts."""
        self.storage.put(title_key(title.content_id), _json(title))
        self.storage.settle([title_key(title.content_id)])
        self.touch()

    def touch(self) -> None:
        """Tell a running origin to look; should a kill prevent it, the origin looks by itself before long."""
        self.storage.put(MARK, _json({"mark": os.urandom(8).hex()}))


def title_key(content_id: str) -> str:
    """Where a title's pointer lies."""
    return f"titles/{content_id}/title.json"


def publication_key(content_id: str, number: int) -> str:
    """Where the list of a publication's files lies."""
    return f"titles/{content_id}/publication-{number}.json"


def media_key(content_id: str, path: str) -> str:
    """Where a file that never changes lies."""
    return f"media/{content_id}/{path}"


def top_key(content_id: str, number: int, name: str) -> str:
    """Where a top file of publication `number` lies."""
    return f"media/{content_id}/top-{number}/{name}"


def digest(data: bytes) -> str:
    """128 bits of SHA-256 in hex: the strong ETag."""
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
