"""The same film again: nothing is encoded; a new name, new metadata or another steering gateway are taken over."""

from __future__ import annotations

import msgspec

from origin.ingest.ingest_request import IngestRequest, apply_metadata
from origin.package.top_playlists import with_steering
from origin.storage.blocking_library import BlockingLibrary
from origin.storage.records import TitleRecord, object_key

_SHORT_HASH = 32
"""Digits of the film's hash in records of earlier releases."""


def is_same(library: BlockingLibrary, published: TitleRecord, sha256: str, recipe: str) -> bool:
    """Whether an ingest would make what is published, and all of that is there."""
    known = published.source in (sha256, sha256[:_SHORT_HASH])
    return known and published.recipe == recipe and library.is_whole(published)


def update_published(library: BlockingLibrary, published: TitleRecord, request: IngestRequest, now: str) -> TitleRecord:
    """Apply what the request says besides the film; `now` is the time in ISO 8601."""
    steered = _update_steering(library, published, request.steering, now)
    record = apply_metadata(steered, request, steered)
    if record != steered:
        return library.change_title(record.content_id, lambda found: apply_metadata(found, request, found))
    library.signal_change()
    return record


def _update_steering(library: BlockingLibrary, published: TitleRecord, gateway: str, now: str) -> TitleRecord:
    """Another gateway is a publication of new top files only."""
    if not gateway or published.steering == gateway:
        return published
    version = published.version + 1
    record = msgspec.structs.replace(published, steering=gateway, version=version, published=now)
    keys = {one.path: object_key(published.content_id, version - 1, one) for one in library.current(published).tops}
    tops = {name: data for name, key in keys.items() if (data := library.read(key)) is not None}
    return library.publish(record, None, with_steering(tops, gateway, published.content_id)).title
