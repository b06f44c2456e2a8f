"""The same report from Locust as from `matinee loadtest`: workers count sessions, the master adds them up and writes.

It imports no Locust, whose import replaces the standard library's sockets.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from loadtest.reports.capacity import capacity_figures
from loadtest.reports.page import page
from loadtest.reports.report import Generator, RunFacts, build_report
from loadtest.reports.timeline import Timeline
from loadtest.reports.totals import Totals, pack, unpack
from loadtest.session import SessionRecord

DEFAULT_SECONDS = 3600.0
"""Length of the timeline when Locust was given no run time."""
KEY = "matinee"


class LocustReport:
    """The totals of one process: of its own sessions, and on a master of all workers' sessions."""

    def __init__(self, seconds: float | None, speed: float = 1.0) -> None:
        self._story_s = (seconds or DEFAULT_SECONDS) * speed
        self._speed = speed
        self._began_s = time.monotonic()
        self._cpu_s = time.process_time()
        self._busiest: dict[str, float] = {}
        self.totals = Totals(Timeline(self._story_s))

    def count(self, record: SessionRecord) -> None:
        """Count a session that has just ended; when it began follows from how long it lasted."""
        lasted = record.played_s + record.stalled_s + record.paused_s + record.seek_waits_s + (record.startup_s or 0.0)
        began = max(0.0, (time.monotonic() - self._began_s) * self._speed - lasted)
        record.viewer = replace(record.viewer, arrival_s=began)
        self.totals.count_session(record)

    def hand_over(self) -> dict[str, Any]:
        """What a worker sends: the sessions since the last time, and how busy the process is."""
        packed = pack(self.totals)
        self.totals = Totals(Timeline(self._story_s))
        return {"totals": packed, "cpuShare": self._cpu_share()}

    def add(self, worker: str, sent: Mapping[str, Any]) -> None:
        """What a master does with it. Raises msgspec.ValidationError when a worker of another version sent it."""
        self.totals.merge(unpack(sent["totals"]))
        self._busiest[worker] = float(sent["cpuShare"])

    def _cpu_share(self) -> float:
        took_s = time.monotonic() - self._began_s
        return (time.process_time() - self._cpu_s) / took_s if took_s > 0 else 0.0

    def build(self, target: str, seed: int) -> dict[str, Any]:
        """The report of everything counted so far."""
        took_s = time.monotonic() - self._began_s
        share = max(self._busiest.values()) if self._busiest else self._cpu_share()
        generator = Generator(share, max(1, len(self._busiest)), "locust")
        facts = RunFacts("locust", "Viewers spawned by Locust.", target, took_s, self._speed, seed, generator)
        report = build_report(facts, self.totals)
        report["capacity"] = capacity_figures((), self.totals, took_s)
        return report

    def write(self, environment: Any) -> None:
        """Write the report where Locust's command line asks for it."""
        parsed = environment.parsed_options
        if not parsed.report_json and not parsed.report_html:
            return
        report = self.build(environment.host or "", parsed.seed)
        if parsed.report_json:
            Path(parsed.report_json).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        if parsed.report_html:
            Path(parsed.report_html).write_text(page(report), encoding="utf-8")
