"""A library for code without an event loop, such as the steps of an ingest."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from origin.storage.library import Library
from origin.storage.publishing import Published, Publisher
from origin.storage.records import Publication, TitleRecord
from origin.storage.sweeping import sweep
from origin.stores.object_store import ObjectStore
from system.clock import SystemClock

SWEEP_GRACE_SECONDS = 24 * 3600.0


class BlockingLibrary:
    """The same operations; each runs an event loop of its own, so none may be called from a running one."""

    def __init__(self, store: ObjectStore) -> None:
        self.library = Library(store)

    def title(self, content_id: str) -> TitleRecord | None:
        """The published title, or None."""
        return asyncio.run(self.library.title(content_id))

    def current(self, title: TitleRecord) -> Publication:
        """The manifest of the current publication."""
        return asyncio.run(self.library.current(title))

    def is_whole(self, title: TitleRecord) -> bool:
        """Whether the store holds every object of the current publication."""
        return asyncio.run(self.library.is_whole(title))

    def read(self, key: str) -> bytes | None:
        """A small object, or None."""
        stored = asyncio.run(self.library.store.get(key))
        return stored.data if stored else None

    def publish(
        self,
        title: TitleRecord,
        tree: Path | None,
        tops: Mapping[str, bytes],
        on_file: Callable[[int], object] = lambda _: None,
    ) -> Published:
        """See `Publisher.publish`."""
        return asyncio.run(Publisher(self.library).publish(title, tree, tops, on_file))

    def change_title(self, content_id: str, change: Callable[[TitleRecord], TitleRecord]) -> TitleRecord:
        """See `Library.change_title`."""
        return asyncio.run(self.library.change_title(content_id, change))

    def signal_change(self) -> None:
        """Signal running origins to reload."""
        asyncio.run(self.library.signal_change())

    def sweep(self, content_id: str) -> int:
        """Delete what killed publishers left a day ago or earlier; returns how many objects."""
        before = SystemClock.wall() - SWEEP_GRACE_SECONDS
        return asyncio.run(sweep(self.library, content_id, before=before))
