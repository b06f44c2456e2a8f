"""Runs both players over the same line, at the same time, each through a proxy of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from playwright.async_api import Browser, async_playwright

from loadtest.compare_hlsjs.figures import Seen, of_page, of_record
from loadtest.compare_hlsjs.priority import SamePriority
from loadtest.compare_hlsjs.shaping_proxy import shaping_proxy
from loadtest.drivers.asyncio_driver import AsyncioDriver
from loadtest.player.settings import PlayerSettings
from loadtest.session import Device, NetworkProfile, RateStep, SessionRecord, Viewer

LINES: Mapping[str, NetworkProfile] = {
    "cable": NetworkProfile("cable", (RateStep(3600, 15e6),), 0.02),
    "lte": NetworkProfile("lte", (RateStep(12, 8e6), RateStep(10, 1.6e6), RateStep(8, 5e6), RateStep(10, 2.2e6)), 0.05),
    "3g": NetworkProfile("3g", (RateStep(16, 2.8e6), RateStep(12, 0.6e6), RateStep(14, 2.8e6)), 0.1),
}
"""Each makes an ABR rule choose several rungs, at rates well between those at which it would choose others."""
HLS_JS_LIKE = PlayerSettings(abr="hls.js", buffer_bytes=60_000_000)
"""hls.js's defaults."""
FLAGS = ("--no-sandbox", "--mute-audio", "--autoplay-policy=no-user-gesture-required", "--disable-gpu")
PATIENCE = 4.0
"""A run may take this many times the film."""


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[tuple[str, int]]:
    """The folder by HTTP; the address."""
    app = web.Application()
    app.router.add_static("/", folder)

    async def allow(_: web.Request, response: web.StreamResponse) -> None:
        response.headers["Access-Control-Allow-Origin"] = "*"

    app.on_response_prepare.append(allow)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        host, port = runner.addresses[0][:2]
        yield host, port
    finally:
        await runner.cleanup()


async def compare(
    folder: Path, line: NetworkProfile, seconds: float, runs: int, chromium: str
) -> list[tuple[Seen, Seen, float]]:
    """(virtual player, hls.js, seconds that the browser waited for a CPU) of each run.

    Both leave after so many seconds of the film.
    """
    pairs = []
    async with serving(folder) as upstream, async_playwright() as playwright:
        for _ in range(runs):
            priority = SamePriority()
            browser = await playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
            try:
                async with (
                    shaping_proxy(upstream, line) as own,
                    shaping_proxy(upstream, line) as theirs,
                    asyncio.TaskGroup() as both,
                ):
                    keeping = both.create_task(priority.keep())
                    found = both.create_task(_in_browser(browser, upstream, theirs.port, seconds))
                    record = both.create_task(_virtual(own.port, seconds))
                    await asyncio.wait((found, record))
                    keeping.cancel()
                pairs.append((of_record(record.result()), of_page(found.result()), priority.waited_s))
            finally:
                await browser.close()
    return pairs


async def _virtual(port: int, seconds: float) -> SessionRecord:
    records: list[SessionRecord] = []
    viewer = Viewer(1, f"http://127.0.0.1:{port}/master.m3u8", watch_s=seconds, device=Device(buffer_goal_s=30.0))
    await AsyncioDriver(HLS_JS_LIKE).play([viewer], seconds * PATIENCE, records.append)
    return records[0]


async def _in_browser(browser: Browser, upstream: tuple[str, int], port: int, seconds: float) -> dict[str, Any]:
    """hls.js loads through the proxy; the page and the script come directly, since they are not part of a start."""
    page = await browser.new_page()
    await page.goto(f"http://{upstream[0]}:{upstream[1]}/index.html")
    await page.evaluate(f"watch({seconds}, 'http://127.0.0.1:{port}/master.m3u8')")
    async with asyncio.timeout(seconds * PATIENCE):
        while True:
            found: dict[str, Any] = await page.evaluate("seen")
            if found["done"]:
                return found
            await asyncio.sleep(0.5)
