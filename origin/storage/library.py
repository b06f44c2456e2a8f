"""The titles of a store: their records, and the manifests of their publications."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterable
from typing import NamedTuple

import msgspec

from kernel.store_faults import StoreFault
from origin.storage.records import (
    CHANGE_MARK,
    FileRecord,
    Publication,
    PublicationRef,
    TitleRecord,
    decode_record,
    encode_record,
    manifest_key,
    object_key,
    title_key,
)
from origin.stores.object_store import ObjectStore, StoreFailed

MAX_CHANGES = 8
"""Attempts at a change of a title record that other writers change too."""


class StoredTitle(NamedTuple):
    """A title record and the tag of the version that was read."""

    record: TitleRecord
    tag: str


class Library:
    """The titles of a store, for ingest and the origin."""

    def __init__(self, store: ObjectStore) -> None:
        self.store = store

    async def read_title(self, content_id: str) -> StoredTitle | None:
        """The title with its tag, or None. Fails with DAMAGED if its record cannot be decoded."""
        stored = await self.store.get(title_key(content_id))
        if stored is None:
            return None
        return StoredTitle(decode_record(stored.data, TitleRecord, title_key(content_id)), stored.tag)

    async def title(self, content_id: str) -> TitleRecord | None:
        """The published title, or None."""
        found = await self.read_title(content_id)
        return found.record if found else None

    async def publication(self, content_id: str, ref: PublicationRef) -> Publication:
        """A manifest. Fails with MISSING or DAMAGED."""
        key = manifest_key(content_id, ref)
        stored = await self.store.get(key)
        if stored is None:
            raise StoreFailed(StoreFault.MISSING, f"{key} is missing from the store")
        return decode_record(stored.data, Publication, key)

    async def current(self, title: TitleRecord) -> Publication:
        """The manifest of the current publication, with all objects that its playlists name."""
        return (await self.publications(title))[-1]

    async def publications(self, title: TitleRecord) -> list[Publication]:
        """The manifests of all publications that the title keeps, the current one last.

        An older store's publication of new top files only lists no files: it plays those of its predecessor.
        """
        made: list[Publication] = []
        for ref in title.kept():
            publication = await self.publication(title.content_id, ref)
            if not publication.files and not ref.name and made:
                publication = msgspec.structs.replace(publication, files=made[-1].files)
            made.append(publication)
        return made

    async def titles(self) -> AsyncIterator[tuple[str, str]]:
        """(contentId, tag of the title record) of all published titles."""
        async for stored in self.store.list("titles/"):
            parts = stored.key.split("/")
            if len(parts) == 3 and parts[2] == "title.json":
                yield parts[1], stored.tag

    async def is_whole(self, title: TitleRecord) -> bool:
        """Whether the store holds every object of the current publication with the right size."""
        return await self.are_there(title.content_id, title.version, (await self.current(title)).objects())

    async def are_there(self, content_id: str, number: int, records: Iterable[FileRecord]) -> bool:
        """Whether the store holds these objects of publication `number` with the right sizes."""
        there = {stored.key: stored.size async for stored in self.store.list(f"media/{content_id}/")}
        return all(
            self.store.fits(there.get(object_key(content_id, number, record), -1), record.size) for record in records
        )

    async def put_record(self, record: TitleRecord, only_if: str) -> None:
        """The conditional put of a title record, and the signal to origins. Fails with CONFLICT."""
        key = title_key(record.content_id)
        await self.store.put(key, encode_record(record), only_if=only_if)
        await self.store.make_durable([key])
        await self.signal_change()

    async def change_title(self, content_id: str, change: Callable[[TitleRecord], TitleRecord]) -> TitleRecord:
        """Change a title record, whatever other writers do meanwhile. Fails with MISSING if there is no such title."""
        for _ in range(MAX_CHANGES):
            found = await self.read_title(content_id)
            if found is None:
                raise StoreFailed(StoreFault.MISSING, f"there is no published title {content_id}")
            record = change(found.record)
            if record == found.record:
                return record
            try:
                await self.put_record(record, found.tag)
                return record
            except StoreFailed as error:
                if error.fault is not StoreFault.CONFLICT:
                    raise
        raise StoreFailed(StoreFault.CONFLICT, f"{content_id} is changed by too many writers")

    async def signal_change(self) -> None:
        """Signal running origins to reload. They also scan by themselves, in case a kill prevents this."""
        await self.store.put(CHANGE_MARK, encode_record({"mark": os.urandom(8).hex()}))
