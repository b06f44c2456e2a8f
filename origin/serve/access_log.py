"""One JSON line a request into a file, flushed at least once a second and reopened on SIGHUP."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import msgspec

from kernel.errors import BadSettings

_TRACE = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*", re.ASCII)
_MAX_PATH = 2048


def trace_id(traceparent: str | None) -> str | None:
    """The trace of a W3C traceparent; None when there is none or it is malformed."""
    match = _TRACE.fullmatch(traceparent or "")
    return match[1] if match and match[1] != "0" * 32 else None


class AccessLog:
    """Where records go; `path` None = nowhere. BadSettings when the file cannot be opened."""

    def __init__(self, path: Path | None, stamp: Callable[[], str]) -> None:
        self._path = path
        self._stamp = stamp
        self._file: BinaryIO | None = None
        self.reopen()

    def reopen(self) -> None:
        """Open the file anew, after it was moved away; BadSettings, and the old one stays, when it cannot be."""
        if self._path is not None:
            try:
                new = self._path.open("ab", buffering=64 * 1024)
            except OSError as error:
                raise BadSettings("access_log", f"{self._path} cannot be written: {error.strerror}") from None
            self.close()
            self._file = new

    def write(self, *, peer: str, method: str, path: str, status: int, sent: int, ms: float, trace: str | None) -> None:
        """Append one record; the fields are those of log_fields."""
        if self._file is None:
            return
        record = {
            "time": self._stamp(),
            "peer": peer,
            "method": method,
            "path": path.partition("?")[0][:_MAX_PATH],
            "status": status,
            "bytes": sent,
            "ms": round(ms, 3),
            "trace_id": trace,
        }
        try:
            self._file.write(msgspec.json.encode(record) + b"\n")
        except OSError:
            self._file = None  # a full disk ends the log, not the service; SIGHUP begins it again

    def flush(self) -> None:
        """Hand over to the system what is buffered."""
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
