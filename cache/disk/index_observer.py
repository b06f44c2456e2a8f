"""The protocol by which another part of the program follows which files are objects."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from cache.entry import Entry


class IndexObserver(Protocol):
    """Learns which files are objects, in the order in which that changes; called on the loop. A name that was removed
    is never used again."""

    def on_file(self, name: str, entry: Entry) -> None:
        """The file `name` holds this entry, or what is known of the entry has changed."""

    def on_files_removed(self, names: Iterable[str]) -> None:
        """These files are no objects any more, though they may still exist."""
