"""When the first copy of a store is asked again after it failed. Pure; times are monotonic seconds."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_PAUSE = 2.0
LONGEST_PAUSE = 60.0


@dataclass(slots=True)
class ReadHealth:
    """Whether reads go to the first copy. After a failure they do not for a pause, which doubles with each in a row."""

    until: float = float("-inf")
    pause: float = 0.0

    def is_usable(self, now: float) -> bool:
        """Whether to ask the first copy. After a pause one reader asks; the others wait for what it finds."""
        if not self.pause:
            return True
        if now < self.until:
            return False
        self.until = now + self.pause
        return True

    def note_success(self) -> None:
        """It answered, if only that an object is missing."""
        self.pause = 0.0

    def note_failure(self, now: float) -> None:
        """It did not answer, or not in time."""
        self.pause = min(LONGEST_PAUSE, self.pause * 2 or FIRST_PAUSE)
        self.until = now + self.pause
