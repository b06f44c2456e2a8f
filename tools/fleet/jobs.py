"""`matinee fleet purge|prefetch|job`: start jobs on every node and show their receipts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from kernel.errors import BadSettings
from kernel.settings.table import DURATION, SWITCH, TEXT, setting
from tools.fleet.client import ChangeSettings, ControlApi, FleetCommand, FleetSettings, run_with_control, show_json
from tools.fleet.tables import table

LONG_POLL_SECONDS = 5.0
"""Seconds of one long poll: control answers earlier when every node has done the job."""
FINISHED = ("complete", "processed", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeSettings(ChangeSettings):
    """`matinee fleet purge`."""

    url: tuple[str, ...] = setting(TEXT, None, "Purge the object at this URL.", many=True)
    prefix: tuple[str, ...] = setting(TEXT, None, "Purge every object under this path.", many=True)
    surrogate_key: tuple[str, ...] = setting(TEXT, None, "Purge objects with this surrogate key.", many=True)
    all: bool = setting(SWITCH, "off", "Purge everything.")
    soft: bool = setting(SWITCH, "off", "Mark objects stale instead of removing them.")
    wait: float = setting(DURATION, "10s", "How long to wait for all receipts; 0: do not wait.", most=3600)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefetchSettings(ChangeSettings):
    """`matinee fleet prefetch`."""

    url: tuple[str, ...] = setting(TEXT, None, "Prefetch the object at this URL.", many=True)
    wait: float = setting(DURATION, "0s", "How long to wait for all receipts; 0: do not wait.", most=3600)


def purge(settings: PurgeSettings) -> int:
    """Purge at every shield and edge; 1 if receipts are missing after --wait."""
    named = {"urls": settings.url, "prefixes": settings.prefix, "keys": settings.surrogate_key}
    body: dict[str, Any] = {name: list(values) for name, values in named.items() if values}
    if settings.all:
        body["all"] = True
    if not body:
        raise BadSettings("url", "nothing to purge: give --url, --prefix, --surrogate-key or --all")
    if settings.soft:
        body["soft"] = True
    return run_with_control(
        settings, lambda control: _run_job(control, "/v1/purges", body, settings.reason, settings.wait)
    )


def prefetch(settings: PrefetchSettings) -> int:
    """Prefetch objects into every edge within its budget; 1 if receipts are missing after --wait."""
    if not settings.url:
        raise BadSettings("url", "nothing to prefetch: give --url")
    body = {"urls": list(settings.url)}
    return run_with_control(
        settings, lambda control: _run_job(control, "/v1/prefetches", body, settings.reason, settings.wait)
    )


def job(settings: FleetSettings, number: str) -> int:
    """Show a job and its receipts; 1 unless every node has done it."""

    async def work(control: ControlApi) -> int:
        return _show(control, await control.get(f"/v1/jobs/{number}"))

    return run_with_control(settings, work)


async def _run_job(control: ControlApi, path: str, body: object, reason: str | None, wait: float) -> int:
    said = await control.post(path, body, reason=reason)
    loop = asyncio.get_running_loop()
    until = loop.time() + wait
    while said["status"] not in FINISHED and (left := until - loop.time()) > 0:
        said = await control.get(f"/v1/jobs/{said['job']}", wait=f"{min(left, LONG_POLL_SECONDS):.3f}")
    code = _show(control, said)
    return code if wait else 0


def _show(control: ControlApi, said: dict[str, Any]) -> int:
    done = said["status"] == "complete"
    if control.settings.json:
        show_json(said)
        return 0 if done else 1
    counts, took = said["counts"], said["receiptSeconds"]
    words = f"job {said['job']}: {said['status']}, {counts['objects']} objects"
    words += f", {counts['done']} of {counts['nodes']} nodes"
    if took["p99"] is not None:
        words += f", receipts p50 {took['p50'] * 1000:.0f} ms, p99 {took['p99'] * 1000:.0f} ms"
    print(words)
    receipts = [
        (row["edge"], row["status"], f"{row['count']}", f"{row['seconds'] * 1000:.0f} ms") for row in said["receipts"]
    ]
    receipts += [(row["edge"], _missing_receipt(row), "", "") for row in said["lagging"]]
    if receipts:
        Console().print(table("receipts", ("node", "status", "#objects", "#latency"), receipts))
    return 0 if done else 1


def _missing_receipt(row: dict[str, Any]) -> str:
    return "[red]no receipt yet[/]" if row["connected"] else "[yellow]disconnected: runs it before it becomes ready[/]"


PURGE = FleetCommand(PurgeSettings, purge)
PREFETCH = FleetCommand(PrefetchSettings, prefetch)
JOB = FleetCommand(FleetSettings, job)
