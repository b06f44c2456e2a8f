"""What the ingest service counts, for the origin's metrics."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class IngestCounts:
    """`alerts` since the start, by kind; `jobs` in the queue's records, by state."""

    alerts: dict[str, int] = field(default_factory=dict)
    jobs: dict[str, int] = field(default_factory=dict)
