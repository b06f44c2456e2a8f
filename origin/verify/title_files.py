"""Reads a title's files once, in bounded memory: what the checks need of each is kept, the media are not."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from kernel.errors import StorageFailed
from origin.storage.records import FileRecord, Publication, object_key
from origin.stores.object_store import ObjectStore
from origin.verify.encryption import is_encrypted
from origin.verify.findings import Check, Finding
from origin.verify.fragments import SegmentTimes, TrackDefaults, read_defaults, read_times
from system.workers import run_workers

READS_AT_ONCE = 4
TEXT_FOLDERS = ("s_", "t_")
"""How the folders of subtitles begin: WebVTT for HLS, wvtt for DASH."""
_KEPT = ("m3u8", "mpd", "vtt")
_PACKET = 188
"""Bytes of a packet of MPEG-TS."""


class TitleReader(Protocol):
    """The files of a title by their paths below it."""

    def records(self) -> Mapping[str, FileRecord]:
        """What is known of each file; `digest` "": nothing of its content."""

    async def read(self, path: str) -> bytes:
        """A file whole. Raises StorageFailed."""


class PublishedReader:
    """The files of a publication in the store."""

    def __init__(self, store: ObjectStore, content_id: str, publication: Publication) -> None:
        self._store = store
        self._records = {record.path: record for record in publication.objects()}
        self._keys = {
            record.path: object_key(content_id, publication.number, record) for record in publication.objects()
        }

    def records(self) -> Mapping[str, FileRecord]:
        """The manifest's records."""
        return self._records

    async def read(self, path: str) -> bytes:
        """An object whole."""
        size = self._records[path].size
        return bytes(await self._store.read(self._keys[path], 0, size)) if size else b""


class PackagedReader:
    """The files of `packaged/tree` and `packaged/tops`, before they are published."""

    def __init__(self, folder: Path) -> None:
        self._files = {
            file.relative_to(folder / part).as_posix(): file
            for part in ("tree", "tops")
            for file in sorted((folder / part).rglob("*"))
            if file.is_file()
        }

    def records(self) -> Mapping[str, FileRecord]:
        """The files with their sizes."""
        return {path: FileRecord(path, file.stat().st_size, "") for path, file in self._files.items()}

    async def read(self, path: str) -> bytes:
        """A file whole, read in a thread."""
        try:
            return await asyncio.to_thread(self._files[path].read_bytes)
        except OSError as error:
            raise StorageFailed(f"{self._files[path]} cannot be read: {error.strerror}") from None


@dataclass(slots=True)
class TitleFacts:
    """What was read. `sizes`: of every file that is there, by path; `inits`, `defaults` by folder; others by path."""

    sizes: dict[str, int] = field(default_factory=dict)
    texts: dict[str, bytes] = field(default_factory=dict)
    inits: dict[str, bytes] = field(default_factory=dict)
    defaults: dict[str, TrackDefaults] = field(default_factory=dict)
    times: dict[str, SegmentTimes] = field(default_factory=dict)
    encrypted: dict[str, bool] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


async def read_title(reader: TitleReader, on_file: Callable[[int], object] = lambda _: None) -> TitleFacts:
    """Read every file once; calls `on_file` with the number of files read. Faults of single files are findings."""
    facts = TitleFacts()
    records = reader.records()
    # Init segments first: segments take their defaults from them.
    order = sorted(records, key=lambda path: (not path.endswith("/init.mp4"), path))
    inits = [path for path in order if path.endswith("/init.mp4")]
    done = 0

    async def read_all(paths: list[str]) -> None:
        waiting = iter(paths)

        async def work() -> None:
            nonlocal done
            for path in waiting:
                await _read_one(reader, records[path], facts)
                done += 1
                on_file(done)

        await run_workers(work, READS_AT_ONCE)

    await read_all(inits)
    await read_all(order[len(inits) :])
    return facts


async def _read_one(reader: TitleReader, record: FileRecord, facts: TitleFacts) -> None:
    path = record.path
    try:
        data = await reader.read(path)
    except StorageFailed as error:
        facts.findings.append(Finding(Check.OBJECTS, path, str(error)))
        return
    if data:
        facts.sizes[path] = len(data)
    fault = _content_fault(record, data)
    if fault:
        facts.findings.append(Finding(Check.OBJECTS, path, fault))
        return
    ending = path.rpartition(".")[2]
    if ending in _KEPT:
        facts.texts[path] = data
    elif ending == "ts":
        facts.findings += [Finding(Check.TRANSPORT_STREAM, path, fault) for fault in transport_faults(data)]
    elif ending in ("m4s", "mp4"):
        _read_media(path, data, facts)


def _content_fault(record: FileRecord, data: bytes) -> str:
    if len(data) != record.size:
        return f"has {len(data)} bytes, {record.size} when it was published"
    if not data:
        return "is empty"
    # Older stores know the first half of the checksum.
    if record.digest and not hashlib.sha256(data).hexdigest().startswith(record.digest):
        return "its content is not that which was published (SHA-256)"
    return ""


def _read_media(path: str, data: bytes, facts: TitleFacts) -> None:
    folder = path.rpartition("/")[0]
    try:
        if path.endswith("/init.mp4"):
            facts.inits[folder] = data
            facts.defaults[folder] = read_defaults(data)
        else:
            facts.times[path] = read_times(data, facts.defaults.get(folder, TrackDefaults()))
            facts.encrypted[path] = is_encrypted(data)
    except ValueError as error:
        facts.findings.append(Finding(Check.TIMELINE, path, str(error)))


def transport_faults(data: bytes) -> list[str]:
    """What is at fault in a segment of MPEG-TS (ISO 13818-1 §2.4.3)."""
    if len(data) % _PACKET:
        return [f"has {len(data)} bytes, which are no whole packets of {_PACKET}"]
    if any(data[at] != 0x47 for at in range(0, len(data), _PACKET)):
        return ["a packet does not begin with the sync byte"]
    programs = [_packet_id(data, at) for at in range(0, min(len(data), 8 * _PACKET), _PACKET)]
    return [] if 0 in programs else ["does not begin with a programme association table"]


def _packet_id(data: bytes, at: int) -> int:
    return int.from_bytes(data[at + 1 : at + 3], "big") & 0x1FFF
