"""The cost of an ingest: wall and CPU seconds of each step, and the overhead over the plain ffmpeg call."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


def cpu() -> float:
    """CPU seconds of this process and of the programs that it ran."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


@dataclass
class Timings:
    """Measures from its creation on; `mono` and `cpu` return seconds."""

    mono: Callable[[], float]
    cpu: Callable[[], float] = cpu
    steps: dict[str, dict[str, float]] = field(default_factory=dict)
    _start: tuple[float, float] = (0.0, 0.0)
    _ffmpeg: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        # CPU time counts from the start of the process: imports are part of the cost.
        self._start = (self.mono(), 0.0)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure one step; a step in several parts adds up."""
        wall, used = self.mono(), self.cpu()
        yield
        so_far = self.steps.get(name, {"wall": 0.0, "cpu": 0.0})
        spent = {"wall": self.mono() - wall, "cpu": self.cpu() - used}
        self.steps[name] = {what: round(so_far[what] + spent[what], 3) for what in spent}

    @contextmanager
    def ffmpeg(self) -> Iterator[None]:
        """Measure the ffmpeg call, the baseline of the overhead."""
        wall, used = self.mono(), self.cpu()
        yield
        self._ffmpeg = (self.mono() - wall, self.cpu() - used)

    def report(self) -> dict[str, object]:
        """JSON: `steps`, `total`, `ffmpeg`, and `overhead` with its share of the ffmpeg call (null without one)."""
        total = (self.mono() - self._start[0], self.cpu() - self._start[1])
        extra = (total[0] - self._ffmpeg[0], total[1] - self._ffmpeg[1])
        shares = [round(extra[one] / self._ffmpeg[one], 4) if self._ffmpeg[one] else None for one in (0, 1)]
        return {
            "steps": self.steps,
            "total": {"wall": round(total[0], 3), "cpu": round(total[1], 3)},
            "ffmpeg": {"wall": round(self._ffmpeg[0], 3), "cpu": round(self._ffmpeg[1], 3)},
            "overhead": {
                "wall": round(extra[0], 3), "cpu": round(extra[1], 3), "wallShare": shares[0], "cpuShare": shares[1],
            },
        }  # fmt: skip
