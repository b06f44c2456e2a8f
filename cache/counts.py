"""The counters of the cache."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class CacheCounts:
    """Plain numbers that the metrics endpoint reads at each scrape."""

    evicted_ram: int = 0
    evicted_disk: int = 0
    purged: int = 0
    demoted: int = 0
    """Objects written to disk when RAM evicted them, because they had a hit in RAM."""
    disk_written: int = 0
    disk_written_bytes: int = 0
    disk_skipped: int = 0
    disk_failed: int = 0
    disk_full: int = 0
    disk_damaged: int = 0
    disk_stuck: int = 0
    """Files whose removal failed; it is retried."""
    folder_recreated: int = 0
    """Times the folder, or a part of it, was found deleted and was created again."""
    loads: int = 0
