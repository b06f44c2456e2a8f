"""What the cache counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class CacheCounts:
    """Plain numbers, read at scrape."""

    evicted_ram: int = 0
    evicted_disk: int = 0
    purged: int = 0
    demoted: int = 0
    """Objects written to disk when they left RAM, because they had been asked for there."""
    disk_written: int = 0
    disk_written_bytes: int = 0
    disk_skipped: int = 0
    disk_failed: int = 0
    disk_full: int = 0
    disk_damaged: int = 0
    disk_stuck: int = 0
    """Files that could not be removed when they had to go."""
    folder_remade: int = 0
    """Times the folder, or a part of it, had been removed and was made anew."""
    loads: int = 0
