"""What a check of `matinee doctor` finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Level(StrEnum):
    """The result of a check; only FAILED makes the exit code 1."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: its name, its result, details, and a fix unless the result is OK."""

    check: str
    level: Level
    details: str
    fix: str = ""


def nearest_existing(folder: Path) -> Path:
    """The folder, or its nearest parent that exists."""
    return next(place for place in (folder, *folder.parents) if place.exists())
