"""Writes one JSON line for each request to a file; flushed every second and reopened on SIGHUP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from kernel.errors import BadSettings


class AccessLog:
    """The log file at `path`; None: no log. Raises BadSettings if it cannot be opened."""

    def __init__(self, path: Path | None, stamp: Callable[[], str]) -> None:
        self._path = path
        self._stamp = stamp
        self._file: BinaryIO | None = None
        self.reopen()

    def reopen(self) -> None:
        """Reopen the file after a rotation. On failure raises BadSettings and keeps the old file."""
        if self._path is not None:
            try:
                new = self._path.open("ab", buffering=64 * 1024)
            except OSError as error:
                raise BadSettings("access_log", f"{self._path} cannot be written: {error.strerror}") from None
            self.close()
            self._file = new

    def write(self, record: Mapping[str, Any]) -> None:
        """Append one record with the time; its fields are those of `origin.log_fields`."""
        if self._file is None:
            return
        try:
            self._file.write(msgspec.json.encode({"time": self._stamp()} | dict(record)) + b"\n")
        except OSError:
            self._file = None  # a full disk stops the log, not the service; SIGHUP starts it again

    def flush(self) -> None:
        """Write buffered records to the file."""
        if self._file is not None:
            try:
                self._file.flush()
            except OSError:
                self._file = None

    def close(self) -> None:
        """Flush and close."""
        self.flush()
        if self._file is not None:
            self._file.close()
            self._file = None
