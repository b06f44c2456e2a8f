"""Publishing: objects first, then their manifest, then one conditional put of the title record.

The put succeeds only if the title record is the one that the publisher started from. So of two publishers one wins,
viewers see the old publication or the new one whole, and a kill at any point leaves one of the two;
`origin.storage.sweeping` deletes what remains of the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from kernel.errors import StorageFailed
from kernel.store_faults import StoreFault
from origin.storage.library import MAX_CHANGES, Library, StoredTitle
from origin.storage.records import (
    FileRecord,
    Publication,
    PublicationRef,
    TitleRecord,
    decode_record,
    digest,
    encode_record,
    manifest_key,
    object_key,
    publication_name,
    publication_prefix,
)
from origin.stores.object_store import ABSENT, StoreFailed
from origin.stores.uploads import checksum_file, put_file
from system.workers import run_workers

UPLOADS_AT_ONCE = 4
MAX_FILES = 200_000
"""Objects of one publication."""
MAX_NAMES = 16


class Published(NamedTuple):
    """The title as it was published, and the manifest of its new publication."""

    title: TitleRecord
    manifest: Publication


class _Upload(NamedTuple):
    """An object to store: its record with its key, and where its bytes are."""

    record: FileRecord
    source: Path | bytes


class Publisher:
    """Publishes to a library."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._store = library.store

    async def publish(
        self,
        title: TitleRecord,
        tree: Path | None,
        tops: Mapping[str, bytes],
        on_file: Callable[[int], object] = lambda _: None,
    ) -> Published:
        """Make `tree` and the top files the publication `title.version`, and make it current.

        `tree` None: new top files only; the files of the current publication stay. Calls `on_file` with the number of
        objects stored so far. Fails with CONFLICT if `title.version` is not the next one, or another publisher was
        first; on every failure the old publication stays current.
        """
        base = await self._library.read_title(title.content_id)
        _check_next(base.record if base else None, title)
        files = await _hash_tree(tree) if tree is not None else []
        heads = [_Upload(FileRecord(name, len(data), digest(data)), data) for name, data in sorted(tops.items())]
        if len(files) > MAX_FILES:
            raise StorageFailed(f"{title.content_id} has {len(files)} files; a publication has at most {MAX_FILES}")
        kept = (await self._library.current(base.record)).files if base and tree is None else ()
        name = await self._choose_name(title, [one.record for one in (*files, *heads)])
        files, heads = _with_keys(title.content_id, name, files), _with_keys(title.content_id, name, heads)
        records = tuple(one.record for one in files) or _explicit(base, kept)
        made = Publication(title.version, title.published, records, tuple(one.record for one in heads))
        ref = PublicationRef(title.version, name, title.published)
        stored: list[str] = []
        try:
            await self._upload([*files, *heads], stored, on_file)
            await self._put_manifest(title.content_id, ref, made)
            await self._store.make_durable([*stored, manifest_key(title.content_id, ref)])
            if not await self._library.are_there(title.content_id, title.version, made.objects()):
                raise StoreFailed(StoreFault.CONFLICT, f"objects of {title.content_id} vanished while it was published")
            record = await self._make_current(title, ref, base)
        except StorageFailed:
            await self._abandon(title.content_id, ref, stored)
            raise
        return Published(record, made)

    async def _choose_name(self, title: TitleRecord, records: Sequence[FileRecord]) -> str:
        """The name of a publication of this content whose objects nobody is deleting."""
        for salt in range(MAX_NAMES):
            name = publication_name(title.version, salt, records)
            key = manifest_key(title.content_id, PublicationRef(title.version, name, ""))
            stored = await self._store.get(key)
            if stored is None or not decode_record(stored.data, Publication, key).abandoned:
                return name
        raise StoreFailed(StoreFault.CONFLICT, f"{title.content_id}: {MAX_NAMES} publications of it are being deleted")

    async def _upload(self, uploads: Sequence[_Upload], stored: list[str], on_file: Callable[[int], object]) -> None:
        """Store what is not there yet; appends to `stored` each key that may have been written."""
        if not uploads:
            return
        prefix = uploads[0].record.key.removesuffix(uploads[0].record.path)
        # In all copies: a killed publisher may have stored an object in the first one only.
        there = {one.key: one.size async for one in self._store.list(prefix, in_all=True)}
        waiting = iter(uploads)
        failures: list[StorageFailed] = []
        done = 0

        async def work() -> None:
            nonlocal done
            for upload in waiting:
                record = upload.record
                if not self._store.fits(there.get(record.key, -1), record.size):
                    stored.append(record.key)
                    try:
                        await self._store_one(upload)
                    except StorageFailed as error:
                        # Let the other workers finish their puts: a cancelled one may still be done later.
                        failures.append(error)
                if failures:
                    return
                done += 1
                on_file(done)

        await run_workers(work, UPLOADS_AT_ONCE)
        if failures:
            raise failures[0]

    async def _store_one(self, upload: _Upload) -> None:
        record = upload.record
        if isinstance(upload.source, bytes):
            await self._store.put(record.key, upload.source)
            return
        sent = await put_file(self._store, record.key, upload.source)
        if sent != (record.size, record.digest):
            raise StorageFailed(f"{upload.source} changed while it was published")

    async def _put_manifest(self, content_id: str, ref: PublicationRef, made: Publication) -> None:
        """Create the manifest. One that is there already is that of an earlier attempt, unless it is abandoned."""
        key, data = manifest_key(content_id, ref), encode_record(made)
        try:
            await self._store.put(key, data, only_if=ABSENT)
        except StoreFailed as error:
            if error.fault is not StoreFault.CONFLICT:
                raise
            known = await self._store.get(key)
            if known is None or decode_record(known.data, Publication, key).abandoned:
                raise
            if known.data != data:  # the same objects at another time of publication
                await self._store.put(key, data, only_if=known.tag)

    async def _make_current(self, title: TitleRecord, ref: PublicationRef, base: StoredTitle | None) -> TitleRecord:
        """The conditional put. A change of the metadata in the meantime is no other publication: it is kept."""
        for _ in range(MAX_CHANGES):
            kept = base.record.kept() if base else ()
            withdrawn = base.record.withdrawn if base else ""  # a title that was taken down stays so
            record = msgspec.structs.replace(title, publications=(*kept, ref), withdrawn=withdrawn)
            try:
                await self._library.put_record(record, base.tag if base else ABSENT)
                return record
            except StoreFailed as error:
                found = await self._library.read_title(title.content_id)
                if found is not None and found.record == record:
                    await self._library.signal_change()  # the put was done, and only its answer was lost
                    return record
                if error.fault is not StoreFault.CONFLICT:
                    raise
            _check_next(found.record if found else None, title)
            title, base = merge_metadata(base.record if base else None, found.record if found else None, title), found
        raise StoreFailed(StoreFault.CONFLICT, f"{title.content_id} is changed by too many writers")

    async def _abandon(self, content_id: str, ref: PublicationRef, stored: Sequence[str]) -> None:
        """Delete what a failed publication stored, unless another publisher has completed the same one."""
        key = manifest_key(content_id, ref)
        gone = Publication(ref.number, ref.published, (), (), abandoned=True)
        try:
            await self._store.put(key, encode_record(gone), only_if=ABSENT)
        except StorageFailed:
            return
        try:
            await self._store.delete(stored)
            await self._store.delete([key])
        except StorageFailed:
            return  # the sweep deletes the rest


async def _hash_tree(tree: Path) -> list[_Upload]:
    """All files below a folder with their checksums, in the order of their paths."""
    files = await asyncio.to_thread(lambda: sorted(file for file in tree.rglob("*") if file.is_file()))
    uploads = []
    for file in files:
        size, sha256 = await checksum_file(file)
        uploads.append(_Upload(FileRecord(file.relative_to(tree).as_posix(), size, sha256), file))
    return uploads


def _with_keys(content_id: str, name: str, uploads: Sequence[_Upload]) -> list[_Upload]:
    prefix = publication_prefix(content_id, name)
    return [one._replace(record=msgspec.structs.replace(one.record, key=prefix + one.record.path)) for one in uploads]


def _explicit(base: StoredTitle | None, kept: Iterable[FileRecord]) -> tuple[FileRecord, ...]:
    """Records of the publication before, with their keys, so that they can be listed by the next one."""
    if base is None:
        return ()
    found = base.record
    return tuple(msgspec.structs.replace(one, key=object_key(found.content_id, found.version, one)) for one in kept)


def _check_next(published: TitleRecord | None, title: TitleRecord) -> None:
    expected = published.version + 1 if published else 1
    if title.version != expected:
        raise StoreFailed(
            StoreFault.CONFLICT,
            f"another publisher was first: publication {title.version} of {title.content_id} cannot follow "
            f"{expected - 1}",
        )


def merge_metadata(base: TitleRecord | None, found: TitleRecord | None, title: TitleRecord) -> TitleRecord:
    """`title` with what became of name, metadata and countries since `base`, where `title` itself leaves them alone."""
    if base is None or found is None:
        return title
    changed = {
        name: getattr(found, name)
        for name in ("title", "metadata", "countries")
        if getattr(found, name) != getattr(base, name) and getattr(title, name) == getattr(base, name)
    }
    return msgspec.structs.replace(title, **changed)
