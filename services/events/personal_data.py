"""What the event log holds about a person: exported and erased by profile, and by the sessions they watched in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from services.events.record import Record, decode_record
from services.events.segment_log import SegmentLog
from services.events.segments import list_segments, read_page


class EventsOfPerson:
    """The event log as a store of personal data.

    Players report by session only. Which sessions were a profile's is said by the records of the playback service,
    which carry both; so the log is read twice.
    """

    name = "events"

    def __init__(self, log: SegmentLog) -> None:
        self._log = log

    async def export_person(self, account_id: str, profiles: Sequence[str]) -> list[dict[str, Any]]:
        """The person's records, oldest first."""
        return await asyncio.to_thread(self._export, frozenset((account_id, *profiles)))

    async def erase_person(self, account_id: str, profiles: Sequence[str]) -> None:
        """Overwrite the person's records. Raises StorageFailed."""
        subjects = frozenset(one for one in (account_id, *profiles) if one)
        sessions = await asyncio.to_thread(self._sessions, subjects)

        def is_theirs(payload: bytes) -> bool:
            record = _decode(payload)
            return record is not None and (record.subject in subjects or not sessions.isdisjoint(record.sessions))

        await self._log.erase(is_theirs)

    def _export(self, subjects: frozenset[str]) -> list[dict[str, Any]]:
        sessions = self._sessions(subjects)
        return [
            {"kind": record.kind.value, "received": record.received, "body": record.body.decode("utf-8", "replace")}
            for record in _records(self._log.folder)
            if record.subject in subjects or not sessions.isdisjoint(record.sessions)
        ]

    def _sessions(self, subjects: frozenset[str]) -> frozenset[str]:
        theirs: set[str] = set()
        for record in _records(self._log.folder):
            if record.subject in subjects:
                theirs.update(record.sessions)
        return frozenset(theirs)


def _records(folder: Path) -> Iterator[Record]:
    segments = list_segments(folder)
    cursor = segments[0].base if segments else 0
    while (page := read_page(folder, cursor)).records:
        for framed in page.records:
            record = None if framed.payload is None else _decode(framed.payload)
            if record is not None:
                yield record
        cursor = page.cursor


def _decode(payload: bytes) -> Record | None:
    try:
        return decode_record(payload)
    except msgspec.DecodeError:
        return None
