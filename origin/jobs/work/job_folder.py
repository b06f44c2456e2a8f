"""The folder of a job: the film or a note where it is, what was encoded, the packaged tree."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Iterable
from pathlib import Path

import msgspec

from kernel.errors import BadRequest, BadSettings, StorageFailed
from origin.ingest.sidecars import CopiedSidecar, Sidecar, copy_sidecar
from origin.jobs.work.encode_steps import SIDECARS
from origin.jobs.work.step_outcome import OutputMissing
from system.durable_files import replace_file
from system.private_files import private_folder

JOB_ID = re.compile(r"job-[0-9a-f]{16}", re.ASCII)


class FilmNote(msgspec.Struct, frozen=True):
    """A film that was received: where it is, its SHA-256 in hex, and what shows that the file was not changed."""

    path: str
    sha256: str
    size: int
    inode: int
    modified_ns: int
    kept: bool = False
    """The master is in the store."""


class JobFolder:
    """One job's folder. Methods raise StorageFailed, or OutputMissing naming the step to run again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.encoded = path / "encoded"
        self.tree = path / "tree"
        self._note = path / "film.json"

    def make(self) -> None:
        """Make the folders."""
        try:
            self.encoded.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageFailed(f"{self.path} cannot be made: {error.strerror}") from None

    def write_note(self, note: FilmNote) -> None:
        """Keep the note of the film."""
        self.write("film.json", msgspec.json.encode(note))

    def write(self, name: str, data: bytes) -> None:
        """Keep a small file, whole or not at all."""
        try:
            replace_file(self.path / name, data)
        except OSError as error:
            raise StorageFailed(f"{self.path / name} cannot be written: {error.strerror}") from None

    def read(self, name: str, step: str) -> bytes:
        """A small file that `step` has written."""
        try:
            return (self.path / name).read_bytes()
        except OSError:
            raise OutputMissing(f"{name} is missing", step) from None

    def film(self) -> FilmNote:
        """The film, which is still the one that was received. Raises BadRequest (409) if it was changed."""
        note = msgspec.json.decode(self.read("film.json", "receive"), type=FilmNote)
        try:
            status = Path(note.path).stat()
        except OSError:
            raise OutputMissing("the film is missing", "receive") from None
        if (status.st_ino, status.st_size, status.st_mtime_ns) != (note.inode, note.size, note.modified_ns):
            raise BadRequest(409, "film-changed", "the film was changed during the ingest")
        return note

    def keep_sidecars(self, found: Iterable[tuple[Sidecar, Path]]) -> None:
        """Copy subtitle files, each described and at a path. Raises BadRequest for one that is none."""
        copies = self.path / SIDECARS
        kept = [copy_sidecar(about, path, copies, number) for number, (about, path) in enumerate(found)]
        self.write("sidecars.json", msgspec.json.encode(kept))

    def sidecars(self) -> tuple[CopiedSidecar, ...]:
        """The subtitle files that came with the film."""
        note = self.path / "sidecars.json"
        return msgspec.json.decode(note.read_bytes(), type=tuple[CopiedSidecar, ...]) if note.is_file() else ()

    def require(self, file: Path, step: str) -> Path:
        """A file that `step` has made."""
        if not file.is_file():
            raise OutputMissing(f"{file.name} is missing", step)
        return file


class JobFolders:
    """The folders of all jobs of an origin, below `root`. Raises BadSettings if it cannot be made."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        try:
            private_folder(self.root)
        except OSError as error:
            raise BadSettings("data", f"{self.root} cannot be created: {error.strerror}") from None

    def of(self, job_id: str) -> JobFolder:
        """A job's folder."""
        if not JOB_ID.fullmatch(job_id):
            raise BadRequest(404, "no-such-job", f"{job_id[:80]!r} is no job")
        return JobFolder(self.root / job_id)

    def ids(self) -> list[str]:
        """The jobs that have a folder."""
        return [entry.name for entry in self.root.iterdir() if JOB_ID.fullmatch(entry.name)]

    def delete(self, job_id: str) -> None:
        """Delete a job's folder."""
        shutil.rmtree(self.of(job_id).path, ignore_errors=True)

    def delete_others(self, kept: Collection[str]) -> list[str]:
        """Delete the folders of all jobs but these; returns their ids."""
        gone = [job_id for job_id in self.ids() if job_id not in kept]
        for job_id in gone:
            self.delete(job_id)
        return gone
