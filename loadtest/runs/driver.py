"""What plays the viewers of a run; the drivers are in `loadtest.drivers`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from loadtest.session import SessionRecord, Viewer


class Driver(Protocol):
    """Plays viewers against a target."""

    @property
    def playing(self) -> int:
        """Sessions that play now."""

    @property
    def objects(self) -> int | None:
        """Different objects requested so far; None when nobody counts."""

    async def play(
        self, viewers: Iterable[Viewer], seconds: float, on_record: Callable[[SessionRecord], object]
    ) -> None:
        """Play all viewers, each from its arrival; after `seconds` of wall time those who still play are stopped.

        Each session's record is handed over once, when the session is over.
        """
