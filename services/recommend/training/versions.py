"""The folder of trained models: which there are, which one is served, and the way back to an earlier one.

models/<version>/   artefacts
models/current      the version that serving nodes use
models/table.jsonl  a line a training: the version, whether it was published, its metrics
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from kernel.errors import MatineeError, StorageFailed
from services.recommend.training.artefact import MANIFEST, Manifest, read_manifest
from system.durable_files import replace_file
from system.private_files import private_folder

MODELS_FOLDER = "recommend-models"
"""Its name in the services' data folder."""
MAX_KEPT = 5
"""Versions that are kept; the served one always is."""
MAX_TABLE_LINES = 500
_VERSION = re.compile(r"[0-9]{8}T[0-9]{6}-[0-9a-f]{8}")


class VersionRow(Struct, rename="camel", omit_defaults=True):
    """One training in the table of versions. `why` a version was not published."""

    version: str
    made: float
    published: bool
    interactions: int
    viewers: int
    titles: int
    seconds: float
    metrics: dict[str, dict[str, float]]
    why: str = ""


class ModelVersions:
    """The folder of versions; one process trains at a time, any number serve."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def is_training(self) -> bool:
        """Whether a process trains at this moment."""
        try:
            with self.training():
                return False
        except StorageFailed:
            return True

    @contextmanager
    def training(self) -> Iterator[None]:
        """Hold the folder for a training. Raises StorageFailed if another process trains."""
        private_folder(self.folder)
        descriptor = os.open(self.folder / "training.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._remove_unfinished()
            yield
        except BlockingIOError:
            raise StorageFailed("another process is training the recommendations at this moment") from None
        finally:
            os.close(descriptor)

    def _remove_unfinished(self) -> None:
        """Delete what a killed training left: a folder without a manifest."""
        for path in self.folder.iterdir():
            if path.is_dir() and not (path / MANIFEST).exists():
                shutil.rmtree(path, ignore_errors=True)

    def current(self) -> str | None:
        """The version to serve; None when there is none."""
        try:
            name = (self.folder / "current").read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return None
        return name if _VERSION.fullmatch(name) else None

    def path_of(self, version: str) -> Path:
        """The folder of a version. Raises MatineeError for what is no version's name."""
        if not _VERSION.fullmatch(version):
            raise MatineeError(f"{version!r:.60} is not the name of a version, such as 20261130T120000-0a1b2c3d")
        return self.folder / version

    def publish(self, version: str) -> None:
        """Let serving nodes use a version. Raises MatineeError if there is no such version, OSError."""
        if not (self.path_of(version) / MANIFEST).is_file():
            raise MatineeError(f"there is no model {version} in {self.folder}")
        replace_file(self.folder / "current", f"{version}\n".encode())

    def add_row(self, row: VersionRow) -> None:
        """Add a training to the table."""
        lines = [msgspec.json.encode(one) for one in [*self.rows(), row][-MAX_TABLE_LINES:]]
        replace_file(self.folder / "table.jsonl", b"\n".join(lines) + b"\n")

    def rows(self) -> list[VersionRow]:
        """The table of trainings, oldest first; lines that cannot be read are left out."""
        found = []
        try:
            lines = (self.folder / "table.jsonl").read_bytes().splitlines()
        except FileNotFoundError:
            return []
        for line in lines[-MAX_TABLE_LINES:]:
            try:
                found.append(msgspec.json.decode(line, type=VersionRow))
            except msgspec.DecodeError:
                continue
        return found

    def stored(self) -> list[Manifest]:
        """The manifests of all stored versions, oldest first."""
        folders = sorted(self.folder.iterdir()) if self.folder.is_dir() else []
        return [
            read_manifest(path) for path in folders if _VERSION.fullmatch(path.name) and (path / MANIFEST).is_file()
        ]

    def delete_old(self, erasures: int) -> None:
        """Delete all but the latest versions, and each that was trained on a person who has been erased since."""
        current = self.current()
        stored = [one for one in self.stored() if one.version != current]
        for number, one in enumerate(reversed(stored), 2):
            if number > MAX_KEPT or one.erasures < erasures:
                shutil.rmtree(self.path_of(one.version), ignore_errors=True)
