"""Looks at the nodes again and again while a run goes on: GET /stats, GET /metrics, and /proc for local processes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import aiohttp

from httpd.bounded_body import read_at_most
from loadtest.nodes.processes import usage
from loadtest.nodes.series import Node, Sample, Series
from loadtest.nodes.sockets import socket_memory

_TIMEOUT = aiohttp.ClientTimeout(total=2.0)
_MAX_BODY = 4 << 20
ORIGIN_REQUESTS = "matinee_origin_requests_total"


class NodePoller:
    """Keeps one `Series` a node. `find_nodes` is asked at each look: a program that restarts has another pid."""

    def __init__(self, find_nodes: Callable[[], Sequence[Node]], seconds: float, speed: float = 1.0) -> None:
        self._find_nodes = find_nodes
        self._seconds = seconds
        self._speed = speed
        self._looks = 0
        self.series: dict[str, Series] = {}

    async def run(self, every_s: float) -> None:
        """Look every so many seconds, until cancelled."""
        clock = asyncio.get_running_loop().time
        began = clock()
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            while True:
                due = began + (self._looks + 1) * every_s
                await self.look(session, (clock() - began) * self._speed)
                await asyncio.sleep(max(0.0, due - clock()))

    async def look_once(self, at_s: float) -> None:
        """Look once more, on connections of its own."""
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            await self.look(session, at_s)

    async def look(self, session: aiohttp.ClientSession, at_s: float) -> None:
        """Look once at every node, at all of them together."""
        nodes = self._find_nodes()
        self._looks += 1
        samples = await asyncio.gather(*(_look_at(session, node, at_s) for node in nodes))
        for node, sample in zip(nodes, samples, strict=True):
            self.series.setdefault(node.name, Series(node, self._seconds)).add_sample(sample)


async def _look_at(session: aiohttp.ClientSession, node: Node, at_s: float) -> Sample:
    stats = await _json(session, node.stats) if node.stats else {}
    metrics = parse_metrics(await _text(session, node.metrics)) if node.metrics else {}
    used = usage(node.pid) if node.pid else None
    sockets = socket_memory(*node.listen) if node.listen else None
    return Sample(
        at_s,
        requests=stats.get("requests"),
        hits=_sum(stats.get("hits"), stats.get("stale_hits"), stats.get("collapsed")),
        misses=stats.get("misses"),
        fills=metrics.get("matinee_edge_fills_total"),
        bodies=_sum(*(metrics.get(f'{ORIGIN_REQUESTS}{{status="{status}"}}') for status in (200, 206))),
        bytes_sent=stats.get("bytes_sent"),
        bytes_filled=stats.get("bytes_filled"),
        cpu_s=used.cpu_s if used else None,
        connections=stats.get("connections"),
        socket_bytes=sockets.bytes if sockets else None,
        rss_bytes=used.rss_bytes if used else None,
        anon_bytes=used.anon_bytes if used else None,
        ram_bytes=stats.get("ram_bytes"),
        disk_bytes=stats.get("disk_bytes"),
        objects=stats.get("objects"),
    )


def _sum(*values: float | None) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def parse_metrics(text: str) -> dict[str, float]:
    """Prometheus text → each metric as written, and its sum over its labels. Lines that are none are passed over."""
    sums: dict[str, float] = {}
    for line in text.splitlines():
        name, _, value = line.rpartition(" ")
        if not line.startswith("#") and name:
            try:
                number = float(value)
            except ValueError:
                continue
            for each in {name, name.partition("{")[0]}:
                sums[each] = sums.get(each, 0.0) + number
    return sums


async def _text(session: aiohttp.ClientSession, url: str) -> str:
    try:
        async with session.get(url) as response:
            if response.status != 200:
                return ""
            return (await read_at_most(response.content, _MAX_BODY)).decode(errors="replace")
    except (aiohttp.ClientError, OSError, TimeoutError):
        return ""


async def _json(session: aiohttp.ClientSession, url: str) -> Mapping[str, float]:
    try:
        async with session.get(url) as response:
            found = await response.json(content_type=None) if response.status == 200 else {}
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: float(value) for name, value in found.items() if isinstance(value, int | float)}
