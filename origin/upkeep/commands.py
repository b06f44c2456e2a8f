"""`matinee origin scrub|gc|rewrap`: upkeep of the stores, now."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from kernel.errors import BadRequest, BadSettings
from kernel.settings.store_address import StoreAddress
from kernel.settings.table import SWITCH, TEXT, setting
from kernel.vocabulary import is_content_id
from origin.stores.open_store import Stores, open_stores, store_setting
from origin.upkeep.garbage import Collector, GarbagePolicy
from origin.upkeep.policy import upkeep_setting
from origin.upkeep.scrubber import Scrubber, ScrubReport
from system.clock import SystemClock
from system.json_log import log_json_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class StoresSettings:
    """The stores, as the origin's settings name them."""

    store: StoreAddress = store_setting("store")
    store_credentials: Path | None = store_setting("store_credentials")
    replica_store: StoreAddress | None = store_setting("replica_store")
    cold_store: StoreAddress | None = store_setting("cold_store")
    store_keys: str | None = store_setting("store_keys")
    json: bool = setting(SWITCH, "off", "Print JSON.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrubSettings(StoresSettings):
    """`matinee origin scrub`."""

    content_id: str | None = setting(TEXT, None, "The contentId of the only title to scrub; not set: all titles.")
    scrub_rate: int = upkeep_setting("scrub_rate")
    repair: bool = setting(SWITCH, "on", "Whether to rewrite damaged and missing copies from a good one.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectSettings(StoresSettings):
    """`matinee origin gc`."""

    gc_grace: float = upkeep_setting("gc_grace")
    keep_superseded: float = upkeep_setting("keep_superseded")
    master_retention: float = upkeep_setting("master_retention")
    dry_run: bool = setting(SWITCH, "off", "Whether only to count what would be deleted.", flag_only=True)


@dataclass(frozen=True, slots=True)
class OriginCommand:
    """A row of the table of commands."""

    SETTINGS: type
    run: Callable[[Any], int]


def scrub(settings: ScrubSettings) -> int:
    """Scrub, and print what was found; 1 if a copy is not good afterwards."""
    log_json_lines()
    report = asyncio.run(_scrub(settings))
    if settings.json:
        _print_json(asdict(report))
    else:
        for finding in report.findings:
            print(finding)
        print(
            f"{report.titles} titles, {report.objects} objects, {report.bytes / 1e9:.2f} GB: "
            f"{report.damaged} copies damaged, {report.missing} missing, {report.repaired} repaired; "
            f"{report.lost} objects lost, {report.unchecked} not checked"
        )
    return 0 if report.is_clean else 1


async def _scrub(settings: ScrubSettings) -> ScrubReport:
    stores = open_stores(settings, os.environ)
    await stores.store.check()
    scrubber = Scrubber(stores, SystemClock.mono, rate=settings.scrub_rate, repairs=settings.repair)
    if settings.content_id is None:
        return await scrubber.scrub(on_title=_show_progress)
    if not is_content_id(settings.content_id):
        raise BadSettings("content_id", f"{settings.content_id!r} is not a contentId")
    if not await _exists(stores, settings.content_id):
        raise BadRequest(404, "not-found", f"there is no title {settings.content_id} in {stores.store.name}")
    await scrubber.scrub_title(settings.content_id)
    return scrubber.report


async def _exists(stores: Stores, content_id: str) -> bool:
    async for _ in stores.store.list(f"titles/{content_id}/"):
        return True
    return False


def _show_progress(content_id: str) -> None:
    if sys.stderr.isatty():
        print(f"scrubbing {content_id}", file=sys.stderr)


def collect(settings: CollectSettings) -> int:
    """Collect garbage, and print what was deleted."""
    log_json_lines()
    policy = GarbagePolicy(settings.gc_grace, settings.keep_superseded, settings.master_retention)

    async def run() -> dict[str, Any]:
        stores = open_stores(settings, os.environ)
        await stores.store.check()
        return asdict(await Collector(stores, policy, SystemClock.wall(), is_dry=settings.dry_run).collect())

    report = asyncio.run(run())
    if settings.json:
        _print_json(report)
    else:
        done = "would be deleted" if settings.dry_run else "deleted"
        print(
            f"{report['objects']} objects {done}; {report['publications']} superseded publications and "
            f"{report['masters']} masters {done}; {report['unfinished']} unfinished files; "
            f"{report['skipped']} titles and masters skipped because they cannot be read"
        )
    return 1 if report["skipped"] else 0


def rewrap(settings: StoresSettings) -> int:
    """Seal all keys under the newest master key, and print how many were under an older one."""
    log_json_lines()
    if not settings.store_keys:
        raise BadSettings("store_keys", "must be set: there are no keys to rewrap")

    async def run() -> int:
        return sum([await keys.rewrap() for keys in open_stores(settings, os.environ).keys])

    count = asyncio.run(run())
    if settings.json:
        _print_json({"rewrapped": count})
    else:
        print(f"{count} keys are now sealed under the newest master key; no object was rewritten")
    return 0


def _print_json(value: object) -> None:
    print(msgspec.json.encode(value).decode(), flush=True)


SCRUB = OriginCommand(ScrubSettings, scrub)
GC = OriginCommand(CollectSettings, collect)
REWRAP = OriginCommand(StoresSettings, rewrap)
