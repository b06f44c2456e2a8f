"""When each rendition was last read from the origin, by the day."""

from __future__ import annotations

import msgspec

from kernel.store_faults import StoreFault
from origin.stores.object_store import ABSENT, ObjectStore, StoreFailed

DAY = 86400
MAX_TITLES = 50_000
"""Titles whose plays are in memory until they are saved; plays of further ones are not noted."""
ATTEMPTS = 4


class Plays:
    """Plays of this process that are not saved yet. Several origins may save to one store: the latest day counts."""

    def __init__(self) -> None:
        self._unsaved: dict[str, dict[str, int]] = {}

    def note(self, content_id: str, path: str, now: float) -> None:
        """A file of a rendition was read; `now` in Unix seconds. Top files tell nothing of a rendition."""
        folder, separator, _ = path.partition("/")
        if separator and (content_id in self._unsaved or len(self._unsaved) < MAX_TITLES):
            self._unsaved.setdefault(content_id, {})[folder] = int(now) // DAY

    async def save(self, store: ObjectStore) -> None:
        """Save what was noted. What cannot be saved is noted again, and StoreFailed raised."""
        unsaved, self._unsaved = self._unsaved, {}
        while unsaved:
            content_id, days = unsaved.popitem()
            try:
                await _merge(store, content_id, days)
            except StoreFailed:
                for other, noted in (*unsaved.items(), (content_id, days)):
                    self._unsaved[other] = _latest(noted, self._unsaved.get(other, {}))
                raise


async def read_days(store: ObjectStore, content_id: str) -> dict[str, int]:
    """Folder -> the day (since 1970) of its last play; a damaged record counts as none."""
    stored = await store.get(plays_key(content_id))
    return _decode(stored.data) if stored else {}


async def _merge(store: ObjectStore, content_id: str, days: dict[str, int]) -> None:
    key = plays_key(content_id)
    for attempt in range(ATTEMPTS):
        stored = await store.get(key)
        known = _decode(stored.data) if stored else {}
        newest = _latest(known, days)
        if newest == known:
            return
        try:
            await store.put(key, msgspec.json.encode(newest), only_if=stored.tag if stored else ABSENT)
            return
        except StoreFailed as error:
            if error.fault is not StoreFault.CONFLICT or attempt == ATTEMPTS - 1:
                raise


def _latest(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {folder: max(one.get(folder, 0), other.get(folder, 0)) for folder in one | other}


def _decode(data: bytes) -> dict[str, int]:
    try:
        return msgspec.json.decode(data, type=dict[str, int])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}


def plays_key(content_id: str) -> str:
    """The key of a title's plays."""
    return f"usage/{content_id}.json"
