"""`matinee loadtest` from its settings to its exit code: reads the story, plays it, shows and writes the report."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kernel.errors import BadSettings
from loadtest.command import LoadtestSettings
from loadtest.drivers.asyncio_driver import AsyncioDriver
from loadtest.reports.live import LiveView
from loadtest.reports.page import page
from loadtest.reports.terminal import print_report
from loadtest.runs.platform_folder import PlatformFolder
from loadtest.runs.run import Run, run_story
from loadtest.runs.titles import find_titles, is_manifest
from loadtest.stories.reader import read_story
from loadtest.stories.story import Story

_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x21-\x7e\x80-\xff](?:[\t -\x7e\x80-\xff]*))")


def play(settings: LoadtestSettings, story: str) -> int:
    """0 when every expectation held, 1 when one did not or an action failed."""
    return asyncio.run(_play(run_of(settings, load_story(story)), settings))


def load_story(name: str) -> Story:
    """A story from a file, or one of those that ship with Matinee by its name. Raises BadSettings."""
    path = Path(name)
    own = Path(__file__).parent.parent / "stories" / f"{name}.toml"
    if not path.suffix and not path.exists() and own.is_file():
        path = own
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        shipped = ", ".join(sorted(each.stem for each in own.parent.glob("*.toml")))
        why = getattr(error, "strerror", None) or "is not UTF-8"
        raise BadSettings("story", f"{name} cannot be read: {why}; stories that ship here: {shipped}") from None
    return read_story(text, str(path))


def run_of(settings: LoadtestSettings, story: Story) -> Run:
    """The run that the settings and the story describe together. Raises BadSettings."""
    folder = PlatformFolder(settings.platform)
    platform = folder if folder.is_target(settings.target) else None
    seconds = settings.seconds or story.seconds
    for name, action in story.actions.items():
        if max((*action.starts_at(seconds), action.stops_at(seconds))) > seconds:
            raise BadSettings("seconds", f"action `{name}` of the story lies after a run of {seconds:g} s")
    regions = platform.region_count if platform is not None else 1
    if story.needs_regions > max(1, regions):
        needed = story.needs_regions
        hint = f"this one has {max(1, regions)}; start it by `matinee up --regions {needed}`"
        raise BadSettings("target", f"{story.name} needs a platform of {needed} regions: {hint}")
    return Run(
        story=story,
        target=settings.target,
        players=settings.players or story.players,
        seconds=seconds,
        seed=story.seed if settings.seed is None else settings.seed,
        headers=read_headers(settings.header),
        platform=platform,
    )


def read_headers(fields: Sequence[str]) -> dict[str, str]:
    """`K: V` texts as header fields. Raises BadSettings; the text is not shown, since it may be a secret."""
    found: dict[str, str] = {}
    for number, field in enumerate(fields, 1):
        parts = _FIELD.fullmatch(field.strip())
        if parts is None:
            raise BadSettings("header", f"field {number} is not of the form `Name: value`", "flag --header")
        found[parts[1]] = parts[2].strip()
    return found


async def _play(run: Run, settings: LoadtestSettings) -> int:
    titles = await find_titles(run.target, run.story.titles, run.headers)
    driver = make_driver(run, settings.origin)
    with _stop_by_signal(), LiveView(enabled=not settings.quiet and sys.stderr.isatty()) as live:
        report = await run_story(run, titles, driver, live.follow)
    if driver.checks is not None:
        report["run"]["compared"] = {"segments": driver.checks.compared, "unknownToOrigin": driver.checks.unknown}
    write_report(report, settings.json, settings.html)
    print_report(report)
    return 0 if report["passed"] else 1


def make_driver(run: Run, origin: str | None = None) -> AsyncioDriver:
    """The driver of a run on one event loop. A target that is no playlist is a gateway, which resolves titles."""
    if origin and urlsplit(origin).scheme not in ("http", "https"):
        raise BadSettings("origin", f"{origin!r} is no http or https URL", "flag --origin")
    player = run.story.player
    if not is_manifest(run.target) and not run.story.titles.urls:
        player = replace(player, gateway=run.target.rstrip("/"))
    return AsyncioDriver(player, speed=run.story.speed, fields=run.headers, seed=run.seed, origin=origin)


def write_report(report: Mapping[str, Any], json_file: Path | None, html_file: Path | None) -> None:
    """Write the report where it was asked for."""
    if json_file:
        json_file.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if html_file:
        html_file.write_text(page(report), encoding="utf-8")


@contextlib.contextmanager
def _stop_by_signal() -> Any:
    """SIGTERM ends the run as Ctrl-C does: actions are stopped before the process goes."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None  # noqa: S101 (a coroutine runs in a task)
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
