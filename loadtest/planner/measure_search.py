"""Measure the CPU of a search: `python -m loadtest.planner.measure_search REPORT.json --target URL --platform STATE`.

Sends queries as people type them (words of the titles that the gateway lists, whole, cut short, and with a letter
wrong) to a local `matinee up`, reads the CPU time of its services before and after, and writes the mean into the
report under `capacity.search`, where `matinee plan --measured` finds it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

import aiohttp

from kernel.errors import MatineeError
from loadtest.nodes.processes import usage
from loadtest.nodes.series import NodeRole
from loadtest.runs.platform_folder import PlatformFolder

QUERIES = 2000
AT_ONCE = 8
SEED = 1
_TIMEOUT = aiohttp.ClientTimeout(total=20.0)


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


async def cpu_of_queries(target: str, folder: PlatformFolder, count: int = QUERIES) -> dict[str, object]:
    """`capacity.search` of a report. Raises MatineeError when the services cannot be watched, or refuse a query."""
    pids = [node.pid for node in folder.nodes() if node.role is NodeRole.SERVICES and node.pid]
    if not pids or not folder.is_target(target):
        raise MatineeError(f"{target} is no `matinee up` of {folder.state}")
    async with aiohttp.ClientSession(timeout=_TIMEOUT, cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.get(target):
            pass  # the page gives guests the cookie that searches need
        async with session.get(f"{target}/titles", params={"limit": "100"}) as response:
            titles = [str(row["title"]) for row in (await response.json())["titles"]]
        queries = typed_queries(titles, count + AT_ONCE, SEED)
        await _send(session, target, queries[:AT_ONCE])  # opens connections and the index
        before = _cpu_s(pids[0])
        await _send(session, target, queries[AT_ONCE:])
        spent = _cpu_s(pids[0]) - before
    return {"cpuSecondsPerQuery": round(spent / count, 6), "note": f"{count} queries, services and HTTP in it"}


async def _send(session: aiohttp.ClientSession, target: str, queries: Sequence[str]) -> None:
    waiting = list(queries)

    async def work() -> None:
        while waiting:
            query = {"query": waiting.pop(), "limit": "20"}
            async with session.get(f"{target}/search", params=query) as response:
                await response.read()
                if response.status != 200:
                    raise MatineeError(f"a search was answered {response.status}")

    async with asyncio.TaskGroup() as workers:
        for _ in range(AT_ONCE):
            workers.create_task(work())


def _cpu_s(pid: int) -> float:
    used = usage(pid)
    if used is None:
        raise MatineeError("the services have ended")
    return used.cpu_s


def with_search(report: Mapping[str, object], figures: Mapping[str, object]) -> dict[str, object]:
    """The report with the figures in its capacity."""
    capacity = report.get("capacity")
    known = dict(capacity) if isinstance(capacity, Mapping) else {}
    return {**report, "capacity": {**known, "search": dict(figures)}}


def main(argv: Sequence[str]) -> int:
    """Measure, and add the figure to the report."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.planner.measure_search")
    parser.add_argument("report", type=Path)
    parser.add_argument("--target", default="http://127.0.0.1:8080")
    parser.add_argument("--platform", type=Path, default=Path(".matinee"))
    given = parser.parse_args(argv)
    report = json.loads(given.report.read_text(encoding="utf-8"))
    try:
        figures = asyncio.run(cpu_of_queries(given.target.rstrip("/"), PlatformFolder(given.platform)))
    except MatineeError as error:
        print(f"measure_search: {error}", file=sys.stderr)
        return 1
    given.report.write_text(json.dumps(with_search(report, figures), indent=1) + "\n", encoding="utf-8")
    print(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
