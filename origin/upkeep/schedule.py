"""When upkeep is due. The time of the last run is in the store, so restarts do not delay it, and of several origins on
one store one does it."""

from __future__ import annotations

import msgspec

from kernel.store_faults import StoreFault
from origin.stores.object_store import ABSENT, ObjectStore, StoreFailed

STALLED_SECONDS = 3600.0
"""A run that noted no progress for so long was killed: somebody else goes on with it."""


class LastRun(msgspec.Struct, frozen=True):
    """When a kind of upkeep last began and last made progress, in Unix seconds, and after what it goes on ("": it was
    finished)."""

    began: float
    touched: float
    after: str = ""


async def claim(store: ObjectStore, kind: str, every: float, now: float) -> LastRun | None:
    """The run to do if one is due and nobody else claims it, else None. A new store is due after `every`."""
    stored = await store.get(last_run_key(kind))
    known = _decode(stored.data) if stored else LastRun(now, now)
    stalled = bool(known.after) and now - known.touched > STALLED_SECONDS
    is_due = now - known.began >= every or stalled
    if stored is not None and not is_due:
        return None
    claimed = msgspec.structs.replace(known, began=known.began if stalled else now, touched=now)
    try:
        await store.put(last_run_key(kind), msgspec.json.encode(claimed), only_if=stored.tag if stored else ABSENT)
    except StoreFailed as error:
        if error.fault is StoreFault.CONFLICT:
            return None
        raise
    return claimed if is_due else None


async def note_progress(store: ObjectStore, kind: str, run: LastRun, after: str, now: float) -> None:
    """Remember how far a run is; "": it is finished."""
    await store.put(last_run_key(kind), msgspec.json.encode(LastRun(run.began, now, after)))


def _decode(data: bytes) -> LastRun:
    try:
        return msgspec.json.decode(data, type=LastRun)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return LastRun(0.0, 0.0)  # it is damaged: a run is due


def last_run_key(kind: str) -> str:
    """The key of the record of a kind of upkeep."""
    return f"upkeep/{kind}.json"
