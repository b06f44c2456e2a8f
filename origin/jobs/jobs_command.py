"""`matinee origin jobs`: the queue of an origin as a table, live or once; cancels and retries jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from kernel.errors import MatineeError
from kernel.settings.table import DURATION, INTEGER, PATH, SWITCH, TEXT, URL, setting
from origin.jobs.service.api_door import read_api_key

TIMEOUT = aiohttp.ClientTimeout(total=20, sock_connect=5)
_COLOURS = {"PUBLISHED": "green", "FAILED": "red", "TRANSCODING": "cyan", "CANCELLED": "yellow"}


@dataclass(frozen=True)
class JobsSettings:
    """`matinee origin jobs`."""

    origin: str = setting(URL, "http://127.0.0.1:8083", "The origin whose jobs to show, or the gateway before it.")
    api_key_file: Path | None = setting(PATH, None, "File with its API key; not set: none is sent.")
    status: str | None = setting(
        TEXT, None, "Only these states, with commas: QUEUED, TRANSCODING, PUBLISHED, FAILED, CANCELLED."
    )
    limit: int = setting(INTEGER, "20", "The latest jobs to show.", least=1, most=200)
    watch: bool = setting(SWITCH, "off", "Show the queue live until Ctrl-C.")
    every: float = setting(DURATION, "1s", "Refresh interval of `watch`.", least=0.2, most=3600)
    cancel: str | None = setting(TEXT, None, "Cancel this job.")
    retry: str | None = setting(TEXT, None, "Queue this failed or cancelled job again.")
    json: bool = setting(SWITCH, "off", "Print JSON.")


SETTINGS = JobsSettings


def run(settings: JobsSettings) -> int:
    """Show the queue. Raises MatineeError if the origin does not answer."""
    key = read_api_key(settings.api_key_file)
    return asyncio.run(_run(settings, {"Authorization": f"Bearer {key}"} if key else {}))


async def _run(settings: JobsSettings, headers: Mapping[str, str]) -> int:
    async with aiohttp.ClientSession(headers=headers, timeout=TIMEOUT) as session:
        if settings.cancel or settings.retry:
            call = ("DELETE", settings.cancel) if settings.cancel else ("POST", f"{settings.retry}/retry")
            done = await ask_origin(session, settings.origin, call[0], f"/content/jobs/{call[1]}")
            print(f"{done['jobId']} {done['status']}")
            return 0
        if settings.json:
            print(msgspec.json.format(msgspec.json.encode(await _jobs(session, settings))).decode())
            return 0
        console = Console()
        if not settings.watch:
            console.print(await _screen(session, settings))
            return 0
        with Live(await _screen(session, settings), console=console, auto_refresh=False) as live:
            while True:
                await asyncio.sleep(settings.every)
                live.update(await _screen(session, settings), refresh=True)


async def _screen(session: aiohttp.ClientSession, settings: JobsSettings) -> Group:
    jobs = await _jobs(session, settings)
    workers = (await ask_origin(session, settings.origin, "GET", "/content/workers"))["items"]
    return Group(jobs_table(jobs), Text(f"{len(workers)} workers seen in the last two minutes", style="dim"))


async def _jobs(session: aiohttp.ClientSession, settings: JobsSettings) -> list[dict[str, Any]]:
    query = f"?limit={settings.limit}" + (f"&status={settings.status}" if settings.status else "")
    found: list[dict[str, Any]] = (await ask_origin(session, settings.origin, "GET", f"/content/jobs{query}"))["items"]
    return found


async def ask_origin(session: aiohttp.ClientSession, origin: str, method: str, path: str) -> dict[str, Any]:
    """The answer of an origin's `/content/*`. Raises MatineeError with what it says, or that it says nothing."""
    body: dict[str, Any] | None = {} if method == "POST" else None
    try:
        async with session.request(method, origin + path, json=body) as got:
            answer = await got.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise MatineeError(
            f"{origin} does not answer as an origin does ({type(error).__name__}): see --origin"
        ) from None
    if got.status >= 400 or not isinstance(answer, dict):
        detail = answer.get("detail", "") if isinstance(answer, dict) else ""
        raise MatineeError(f"{origin} answered {got.status}: {detail}")
    return answer


def jobs_table(jobs: Sequence[Mapping[str, Any]]) -> Table:
    """The table of jobs, as the API shows them."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("Job", "Title", "Status", "Progress", "", "Step", "Left", "Reason"):
        table.add_column(heading, overflow="fold")
    for job in jobs:
        share, status = float(job["progress"]), str(job["status"])
        left = duration_text(job["etaSeconds"]) if status == "TRANSCODING" and "etaSeconds" in job else ""
        table.add_row(
            job["jobId"], job["contentId"], Text(status, style=_COLOURS.get(status, "")),
            ProgressBar(total=1.0, completed=share, width=8), f"{share:4.0%}", job["step"], left,
            job.get("reason", ""),
        )  # fmt: skip
    return table


def duration_text(seconds: float) -> str:
    """`45 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
