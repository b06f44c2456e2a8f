"""How far each consumer has read the event log: one small file each, which retention and lag are computed from.

A consumer keeps its own cursor where it keeps what it made of the records, in the same transaction, and goes on from
there after a crash. The files here only say what the log may delete, so they may lag behind.
"""

from __future__ import annotations

import re
from pathlib import Path

from system.durable_files import replace_file

SUFFIX = ".cursor"
FORGET_SECONDS = 7 * 86_400.0
"""A consumer that acknowledged nothing for so long no longer holds records back: it was switched off."""
_NAME = re.compile(r"[a-z][a-z0-9-]{0,40}")


class ConsumerCursors:
    """The cursor files in the log's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def acknowledge(self, name: str, cursor: int, now: float) -> None:
        """Let the log delete what is before the cursor, as far as this consumer is concerned. Raises OSError.

        `now` in Unix seconds.
        """
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a consumer")
        replace_file(self._folder / f"{name}{SUFFIX}", f"{cursor} {now:.0f}\n".encode())

    def read_all(self, now: float) -> dict[str, int]:
        """Each consumer's cursor; without those that acknowledged nothing in FORGET_SECONDS. `now` in Unix seconds."""
        found = {}
        for path in self._folder.glob(f"*{SUFFIX}"):
            try:
                cursor, _, acknowledged = path.read_text()[:64].partition(" ")
                if now - float(acknowledged) <= FORGET_SECONDS:
                    found[path.stem] = int(cursor)
            except (OSError, ValueError):
                # An unreadable file must not let records go: count the consumer as at the beginning.
                found[path.stem] = 0
        return found
