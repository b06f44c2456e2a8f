"""Plays a story against a target and returns its report."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from kernel.errors import BadSettings
from loadtest.nodes.poll import NodePoller
from loadtest.nodes.series import Series
from loadtest.population.viewers import viewers
from loadtest.reports.capacity import capacity_figures
from loadtest.reports.report import Generator, RunFacts, build_report
from loadtest.reports.timeline import Timeline
from loadtest.reports.totals import Totals
from loadtest.runs.actions import ActionRunner, Words, words_of
from loadtest.runs.driver import Driver
from loadtest.runs.platform_folder import MATINEE, PlatformFolder
from loadtest.stories.expectations import judge
from loadtest.stories.reader import population_of
from loadtest.stories.story import Story

MIN_LOOK_S = 0.5
MAX_LOOK_S = 5.0


@dataclass(frozen=True, slots=True)
class Run:
    """A story with everything that the command line decides."""

    story: Story
    target: str
    players: int
    seconds: float
    seed: int
    headers: Mapping[str, str] = field(default_factory=dict)
    platform: PlatformFolder | None = None
    """The local platform that the target belongs to, if any."""


@dataclass(slots=True)
class Progress:
    """What a live view shows while the run goes on."""

    run: Run
    totals: Totals
    driver: Driver
    poller: NodePoller | None
    actions: ActionRunner
    began: float
    cpu_began: float

    @property
    def title(self) -> str:
        """Name of the story, and its length."""
        return f"{self.run.story.name}: {self.run.players} players, {self.run.seconds:g} s"

    def elapsed_s(self) -> float:
        """Wall seconds since the run began."""
        return time.monotonic() - self.began

    def generator_share(self) -> float:
        """CPU time of this process by wall time."""
        return (time.process_time() - self.cpu_began) / max(1e-3, self.elapsed_s())

    def playing(self) -> int:
        """Sessions that play now."""
        return self.driver.playing

    def series(self) -> list[Series]:
        """The nodes' figures so far."""
        return list(self.poller.series.values()) if self.poller else []

    def last_action(self) -> str:
        """What was done to the platform last."""
        return self.actions.done[-1].command if self.actions.done else ""


async def run_story(
    run: Run, titles: Sequence[str], driver: Driver, on_begin: Callable[[Progress], object] = lambda _: None
) -> dict[str, Any]:
    """Play it and return the report, judged. Raises BadSettings when the story cannot be run here."""
    story = run.story
    totals = Totals(Timeline(run.seconds * story.speed))
    poller = NodePoller(run.platform.nodes, run.seconds * story.speed, story.speed) if run.platform else None
    actions = ActionRunner(story, run.seconds, lambda: _words(run, poller))
    check_actions(run, poller)
    everybody = viewers(
        population_of(story), titles, players=run.players, seconds=run.seconds * story.speed, seed=run.seed
    )
    began, cpu_began = time.monotonic(), time.process_time()
    on_begin(Progress(run, totals, driver, poller, actions, began, cpu_began))
    async with asyncio.TaskGroup() as besides:
        watching = besides.create_task(poller.run(_look_every(run.seconds))) if poller else None
        acting = besides.create_task(actions.run())
        try:
            await driver.play(everybody, run.seconds, totals.count_session)
        finally:
            cpu_s, took_s = time.process_time() - cpu_began, time.monotonic() - began
            if watching:
                watching.cancel()
            acting.cancel()
    if poller:
        await poller.look_once(took_s * story.speed)
    facts = _facts(run, took_s, cpu_s, actions, driver)
    series = list(poller.series.values()) if poller else []
    report = build_report(facts, totals, series)
    report["capacity"] = capacity_figures(series, totals, took_s)
    return judged(report, story)


def check_actions(run: Run, poller: NodePoller | None) -> None:
    """Raise BadSettings when a command names what is not known here: before anything is played."""
    words = _words(run, poller)
    for name, action in run.story.actions.items():
        try:
            for command in (action.start, action.stop):
                words_of(command, words)
        except BadSettings as error:
            hint = "" if run.platform else "; this target is no `matinee up` of this machine (--platform)"
            raise BadSettings(f"actions.{name}", error.why + hint, f"story {run.story.name}") from None


def _words(run: Run, poller: NodePoller | None) -> Words:
    base: dict[str, Sequence[str]] = {"matinee": MATINEE, "python": (sys.executable,), "target": (run.target,)}
    base["seconds"] = (f"{run.seconds:g}",)
    return {**base, **(run.platform.words(poller.series.values() if poller else ()) if run.platform else {})}


def _look_every(seconds: float) -> float:
    return min(MAX_LOOK_S, max(MIN_LOOK_S, seconds / 100))


def _facts(run: Run, took_s: float, cpu_s: float, actions: ActionRunner, driver: Driver) -> RunFacts:
    return RunFacts(
        story=run.story.name,
        summary=run.story.summary,
        target=run.target,
        seconds=took_s,
        speed=run.story.speed,
        seed=run.seed,
        generator=Generator(cpu_s / took_s if took_s else 0.0),
        settings=msgspec.to_builtins(run.story.player),
        actions=actions.as_plain(),
        objects=driver.objects,
    )


def judged(report: dict[str, Any], story: Story) -> dict[str, Any]:
    """The report with the story's expectations judged by it; `passed` is what the exit code says.

    An expectation of `where_measured` whose figures were not measured is listed in `notMeasured` and decides nothing.
    """
    always, where_measured = story.expect.read()
    judgements = [judge(each, report) for each in always]
    more = [judge(each, report) for each in where_measured]
    judgements += [each for each in more if each.limit is not None]
    report["expectations"] = [
        {
            "name": each.expectation.text,
            "ok": each.ok,
            "value": each.value,
            "limit": each.limit,
            "figure": each.expectation.metric.name,
        }
        for each in judgements
    ]
    report["notMeasured"] = [each.expectation.text for each in more if each.limit is None]
    acted = not any(action["error"] for action in report["run"]["actions"])
    report["passed"] = acted and report["players"] > 0 and all(each.ok for each in judgements)
    return report
