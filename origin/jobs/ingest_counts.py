"""What the ingest service counts, for the origin's metrics."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class IngestCounts:
    """`alerts` and `task_failures` since the start, by kind and by task; `jobs` in the queue's records, by state."""

    alerts: dict[str, int] = field(default_factory=dict)
    jobs: dict[str, int] = field(default_factory=dict)
    task_failures: dict[str, int] = field(default_factory=dict)

    def count_task_failure(self, task: str) -> None:
        """Count one failure of a background task, which is restarted."""
        self.task_failures[task] = self.task_failures.get(task, 0) + 1
