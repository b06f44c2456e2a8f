"""A position in a file, replaced as a whole."""

from __future__ import annotations

from pathlib import Path

from kernel.errors import StorageFailed
from system.durable_files import replace_file
from system.private_files import private_folder


class CursorFile:
    """One position; 0 while the file does not exist."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> int:
        """The position. Raises StorageFailed."""
        try:
            return int(self._path.read_text()[:32])
        except FileNotFoundError:
            return 0
        except (OSError, ValueError) as error:
            raise StorageFailed(f"{self._path} cannot be read: {error}") from error

    def write(self, position: int) -> None:
        """Replace it. Raises StorageFailed."""
        try:
            private_folder(self._path.parent)
            replace_file(self._path, f"{position}\n".encode())
        except OSError as error:
            raise StorageFailed(f"{self._path} cannot be written: {error}") from error
