"""Measure what the services of a running `matinee up` use for a search, a start, a heartbeat and an event.

    python -m loadtest.planner.measure_services REPORT.json --target URL --platform STATE

Each is asked for many times over HTTP by guests, and the CPU time of the services is read before and after. The means
go into the report's `capacity`, where `matinee plan --measured` finds them. Searches are as people type them: words of
the titles that the gateway lists, whole, cut short, and with a letter wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Any

import aiohttp

from kernel.errors import MatineeError
from loadtest.nodes.processes import usage
from loadtest.nodes.series import NodeRole
from loadtest.player.cmcd import Event, EventReports, Value, response_received
from loadtest.runs.platform_folder import PlatformFolder
from system.clock import SystemClock
from system.workers import run_workers

QUERIES, STARTS, HEARTBEATS, BATCHES = 2_000, 200, 4_000, 1_000
GUESTS = 50
BATCH_EVENTS = 20
MAX_PAGES = 10_000
"""Of titles, a hundred on each."""
AT_ONCE = 8
SEED = 1
_TIMEOUT = aiohttp.ClientTimeout(total=20.0)

Guest = aiohttp.ClientSession
Ask = Callable[[int], Awaitable[None]]


def typed_queries(titles: Sequence[str], count: int, seed: int) -> list[str]:
    """Queries drawn from titles: half whole words, a quarter cut short, a quarter with a letter in place of another."""
    random = Random(f"search/{seed}")
    words = sorted({word for title in titles for word in title.split() if len(word) > 2})
    if not words:
        raise MatineeError("no title to draw queries from")
    found = []
    for _ in range(count):
        word, kind = random.choice(words), random.random()
        if kind < 0.25:
            word = word[: max(2, len(word) // 2)]
        elif kind < 0.5:
            place = random.randrange(len(word))
            word = word[:place] + random.choice("aeinrst") + word[place + 1 :]
        found.append(word)
    return found


def event_batches(session_id: str, wall_s: float) -> Iterator[bytes]:
    """Batches of CMCD events as players send them, without end: responses received, and a state now and then."""
    reports = EventReports()
    for number in itertools.count():
        for at in range(BATCH_EVENTS):
            keys: dict[str, Value] = {"sid": session_id, "cid": "film", "sf": "h", "st": "v", "sta": "p", "br": 3_000}
            event = Event.PLAY_STATE if at == 0 else Event.RESPONSE_RECEIVED
            if event is Event.RESPONSE_RECEIVED:
                url = f"http://edge1.example/cdn/eu/film/v720/{number:05d}.m4s"
                keys |= response_received(url, 200, 0.04, 0.9)
            reports.report(event, wall_s + number * 4 + at * 0.2, keys)
        yield reports.batch()


class ServicesProbe:
    """Asks the services of one platform. Raises MatineeError when they cannot be watched, or refuse a request."""

    def __init__(self, target: str, folder: PlatformFolder) -> None:
        pids = [node.pid for node in folder.nodes() if node.role is NodeRole.SERVICES and node.pid]
        if not pids or not folder.is_target(target):
            raise MatineeError(f"{target} is no `matinee up` of {folder.state}")
        self._target, self._pid = target, pids[0]

    async def measure(self) -> dict[str, dict[str, object]]:
        """The parts of `capacity`."""
        async with AsyncExitStack() as closing:
            guests = [await closing.enter_async_context(self._guest()) for _ in range(GUESTS)]
            for guest in guests:
                async with guest.get(self._target):
                    pass  # the page gives guests the cookie that the others need
            listed = await self._titles(guests[0])
            playable = [str(row["contentId"]) for row in listed if row.get("playable", True)]
            if not playable:
                raise MatineeError("the gateway lists no title that can be played")
            found = {"search": await self._searches(guests, [str(row["title"]) for row in listed])}
            found["starts"], sessions = await self._starts(guests, playable)
            found["heartbeats"] = await self._heartbeats(guests, sessions)
            found["events"] = await self._events(guests, sessions)
        return found

    async def _titles(self, guest: Guest) -> list[dict[str, Any]]:
        """All that the gateway lists, up to MAX_PAGES."""
        listed: list[dict[str, Any]] = []
        query = {"limit": "100"}
        for _ in range(MAX_PAGES):
            async with guest.get(f"{self._target}/titles", params=query) as response:
                page = await _answered(response, "a page of titles")
            listed += page["titles"]
            if not page.get("nextCursor"):
                break
            query["cursor"] = page["nextCursor"]
        return listed

    def _guest(self) -> Guest:
        return aiohttp.ClientSession(timeout=_TIMEOUT, cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def _searches(self, guests: Sequence[Guest], titles: Sequence[str]) -> dict[str, object]:
        queries = typed_queries(titles, QUERIES + AT_ONCE, SEED)

        async def search(number: int) -> None:
            query = {"query": queries[number], "limit": "20"}
            async with guests[number % GUESTS].get(f"{self._target}/search", params=query) as response:
                await _answered(response, "a search")

        seconds = await self._cpu_each(search, QUERIES)
        note = f"{QUERIES:,} queries over {len(titles):,} titles, services and HTTP in it"
        return {"cpuSecondsPerQuery": seconds, "note": note}

    async def _starts(
        self, guests: Sequence[Guest], playable: Sequence[str]
    ) -> tuple[dict[str, object], dict[int, str]]:
        sessions: dict[int, str] = {}

        async def start(number: int) -> None:
            guest = number % GUESTS
            query = {"contentId": playable[number % len(playable)]}
            async with guests[guest].get(f"{self._target}/playback/start", params=query) as response:
                sessions[guest] = (await _answered(response, "a start"))["sessionId"]

        seconds = await self._cpu_each(start, STARTS)
        return {
            "cpuSecondsPerStart": seconds,
            "note": f"{STARTS:,} starts by guests, services and HTTP in it",
        }, sessions

    async def _heartbeats(self, guests: Sequence[Guest], sessions: Mapping[int, str]) -> dict[str, object]:
        async def beat(number: int) -> None:
            guest = number % GUESTS
            body = {"sessionId": sessions[guest], "currentPosition": number / GUESTS}
            async with guests[guest].post(f"{self._target}/playback/heartbeat", json=body) as response:
                await _answered(response, "a heartbeat")

        seconds = await self._cpu_each(beat, HEARTBEATS)
        return {"cpuSecondsPerHeartbeat": seconds, "note": f"{HEARTBEATS:,} heartbeats, services and HTTP in it"}

    async def _events(self, guests: Sequence[Guest], sessions: Mapping[int, str]) -> dict[str, object]:
        wall_s = SystemClock().wall()
        batches = [event_batches(sessions[guest], wall_s) for guest in range(GUESTS)]
        sizes: list[int] = []

        async def send(number: int) -> None:
            guest, headers = number % GUESTS, {"Content-Type": "application/cmcd"}
            body = next(batches[guest])
            sizes.append(len(body))
            async with guests[guest].post(f"{self._target}/events/cmcd", data=body, headers=headers) as response:
                await _answered(response, "a batch of events")

        seconds = await self._cpu_each(send, BATCHES)
        return {
            "perCoreSecond": round(BATCH_EVENTS / seconds),
            "bytesPerEvent": round(sum(sizes) / len(sizes) / BATCH_EVENTS, 1),
            "note": f"{BATCHES * BATCH_EVENTS:,} CMCD events in batches of {BATCH_EVENTS}, services and HTTP in it",
        }

    async def _cpu_each(self, ask: Ask, count: int) -> float:
        """CPU seconds of the services for one of `count` requests, after a few that open connections and caches."""
        await asyncio.gather(*(ask(number) for number in range(AT_ONCE)))
        numbers = iter(range(count))

        async def work() -> None:
            for number in numbers:
                await ask(number)

        before = self._cpu_s()
        await run_workers(work, AT_ONCE)
        return max(1e-6, (self._cpu_s() - before) / count)

    def _cpu_s(self) -> float:
        used = usage(self._pid)
        if used is None:
            raise MatineeError("the services have ended")
        return used.cpu_s


async def _answered(response: aiohttp.ClientResponse, what: str) -> Any:
    text = await response.text()
    if not 200 <= response.status < 300:
        raise MatineeError(f"{what} was answered {response.status}: {text[:200]}")
    return json.loads(text) if text else {}


def with_parts(report: Mapping[str, object], parts: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    """The report with the figures in its capacity."""
    capacity = report.get("capacity")
    known = dict(capacity) if isinstance(capacity, Mapping) else {}
    return {**report, "capacity": {**known, **{name: dict(figures) for name, figures in parts.items()}}}


def main(argv: Sequence[str]) -> int:
    """Measure, and add the figures to the report."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.planner.measure_services")
    parser.add_argument("report", type=Path)
    parser.add_argument("--target", default="http://127.0.0.1:8080")
    parser.add_argument("--platform", type=Path, default=Path(".matinee"))
    given = parser.parse_args(argv)
    report = json.loads(given.report.read_text(encoding="utf-8"))
    try:
        parts = asyncio.run(ServicesProbe(given.target.rstrip("/"), PlatformFolder(given.platform)).measure())
    except (MatineeError, aiohttp.ClientError, TimeoutError) as error:
        print(f"measure_services: {str(error) or type(error).__name__}", file=sys.stderr)
        return 1
    given.report.write_text(json.dumps(with_parts(report, parts), indent=1) + "\n", encoding="utf-8")
    print(json.dumps(parts, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
