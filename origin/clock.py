"""The origin's one look at the clocks."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def wall() -> float:
    """Seconds since the Unix epoch."""
    return time.time()  # noqa: TID251 (the shell's clock)


def mono() -> float:
    """Seconds on a clock that never jumps."""
    return time.monotonic()


def stamp(seconds: float) -> str:
    """ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
