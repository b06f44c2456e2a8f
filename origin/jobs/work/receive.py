"""The step `receive`: the film is here, hashed, within the limits, and kept as the master."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kernel.errors import BadRequest, StorageFailed
from kernel.settings.store_address import parse_store
from origin.ingest.probe import check_file, printable_path
from origin.ingest.sidecars import MAX_BYTES, Sidecar, sidecars_beside
from origin.jobs.queue_rows import ReceivedFilm
from origin.jobs.records import JobRequest
from origin.jobs.work.job_folder import FilmNote, JobFolder
from origin.storage.masters import Masters
from origin.stores.object_store import ObjectStore
from origin.stores.open_store import open_one
from origin.stores.uploads import read_pieces
from origin.uploads.fetch import FetchLimits, fetch_film
from origin.uploads.locations import LocationRules, allowed_file, check_location
from origin.uploads.spool import Spool
from system.clock import SystemClock, utc_timestamp

HASH_BYTES = 4 << 20
Report = Callable[[float], object]


@dataclass(frozen=True, slots=True)
class Reception:
    """Where films come from and where masters are kept. `credentials`: of the buckets that films are in."""

    spool: Spool
    store: ObjectStore
    rules: LocationRules
    limits: FetchLimits
    keep_masters: bool = True
    credentials: Path | None = None
    environment: Mapping[str, str] | None = None

    def receive(self, request: JobRequest, folder: JobFolder, report: Report) -> bytes:
        """Get the film; returns the step's result as JSON. Raises BadRequest, UpstreamFailed, StorageFailed."""
        folder.make()
        path = self._locate(request, folder, report)
        before = check_file(path)
        if before.st_size > self.limits.max_bytes:
            most = self.limits.max_bytes
            raise BadRequest(413, "too-large", f"{printable_path(path)} has {before.st_size} bytes, {most} are allowed")
        sha256 = hash_film(path, lambda done: report(0.4 + 0.3 * done / before.st_size))
        kept = self.keep_masters and asyncio.run(self._keep(path, sha256, request.film_name or path.name))
        report(1.0)
        folder.keep_sidecars(self._find_sidecars(request, folder))
        note = FilmNote(str(path), sha256, before.st_size, before.st_ino, before.st_mtime_ns, kept)
        folder.write_note(note)
        folder.film()  # was it changed meanwhile?
        return msgspec.json.encode(ReceivedFilm(sha256, before.st_size, kept))

    def _find_sidecars(self, request: JobRequest, folder: JobFolder) -> Iterator[tuple[Sidecar, Path]]:
        """The subtitle files that the request names, and those beside the film in an allowed folder."""
        for number, about in enumerate(request.subtitles):
            target, location = folder.path / f"subtitles-{number:02}", check_location(about.location, self.rules)
            yield about, self._fetch(location, target, FetchLimits(MAX_BYTES, self.limits.tls), lambda _: None)
        if request.beside:
            for about in sidecars_beside(Path(request.beside)):
                yield about, allowed_file(about.location, self.rules)

    def _locate(self, request: JobRequest, folder: JobFolder, report: Report) -> Path:
        """The film's file; fetched where it is elsewhere."""
        target = folder.path / "film"
        if request.upload_id:
            return self.spool.path(request.upload_id)
        if request.source:
            if not target.exists():
                asyncio.run(self._fetch_master(request.source, target))
            return target
        return self._fetch(request.location, target, self.limits, lambda done: report(0.4 * done))

    def _fetch(self, location: str, target: Path, limits: FetchLimits, report: Report) -> Path:
        """A file of this host where it is; what is elsewhere is fetched to `target`."""
        if location.startswith("https://"):
            asyncio.run(fetch_film(location, target, self.rules, limits, report))
            return target
        if location.startswith("s3://"):
            bucket, _, key = location.removeprefix("s3://").partition("/")
            store = open_one(parse_store(f"s3://{bucket}"), self.credentials, self.environment or os.environ, "store")
            if not target.exists():
                asyncio.run(self._fetch_object(store, key, target, limits.max_bytes, report))
            return target
        return allowed_file(location, self.rules)

    async def _keep(self, path: Path, sha256: str, name: str) -> bool:
        """Keep the film under its hash: the same content twice is one object."""
        await Masters(self.store).keep(path, sha256, name, utc_timestamp(SystemClock.wall()))
        return True

    async def _fetch_master(self, sha256: str, target: Path) -> None:
        """The film as it was uploaded, verified part by part; a fetch that was killed goes on."""
        masters = Masters(self.store)
        record = await masters.find(sha256)
        if record is None:
            raise BadRequest(410, "no-master", "the film is not kept any more: ingest it again")
        if record.size > self.limits.max_bytes:
            raise BadRequest(413, "too-large", f"the film has {record.size} bytes, {self.limits.max_bytes} are allowed")
        await masters.fetch(record, target)

    async def _fetch_object(self, store: ObjectStore, key: str, target: Path, most: int, report: Report) -> None:
        """Fetch an object to a file, which appears whole or not at all."""
        info = await store.info(key)
        if info is None:
            raise BadRequest(404, "no-such-file", f"{key} is not in {store.name}")
        if info.size > most:
            raise BadRequest(413, "too-large", f"{key} has {info.size} bytes, {most} are allowed")
        part, done = target.with_name(f"{target.name}.part"), 0
        try:
            with await asyncio.to_thread(part.open, "wb") as file:
                async for piece in read_pieces(store, key, info.size):
                    await asyncio.to_thread(file.write, piece)
                    done += len(piece)
                    report(done / info.size)
                file.flush()
                await asyncio.to_thread(os.fsync, file.fileno())
            part.replace(target)
        except OSError as error:
            raise StorageFailed(f"the film cannot be written: {error.strerror or error}") from None


def hash_film(path: Path, on_bytes: Callable[[int], object]) -> str:
    """SHA-256 in hex; calls `on_bytes` with the bytes read so far. Raises BadRequest."""
    whole, done = hashlib.sha256(), 0
    try:
        with path.open("rb") as opened:
            while data := opened.read(HASH_BYTES):
                whole.update(data)
                done += len(data)
                on_bytes(done)
    except OSError as error:
        raise BadRequest(422, "not-readable", f"{printable_path(path)} cannot be read: {error.strerror}") from None
    return whole.hexdigest()
