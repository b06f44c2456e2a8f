"""`python -m tools.bench.collector`: events a second and CPU an event of `POST /events/cmcd`, in batches of 20."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, PIPE

import aiohttp

from tools.bench.processes import cpu_seconds

BATCH, CLIENTS, SECONDS = 20, 16, 5.0
URL = "http://e1/t/eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ4In0.c2ln/cdn/eu/film/v720/00012.m4s"
LINE = (
    'bl=(12000),br=(2400),cid="film",e=rr,ot=v,rc=200,sid="bench-{client}",sn={number},sta=p,ts={at},url="' + URL + '"'
)


async def main() -> None:
    """Start the part `events`, send for some seconds, and print what it took."""
    with tempfile.TemporaryDirectory(prefix="matinee-collector-") as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
        probe.close()
        words = ("services", "--only", "events", "--insecure-dev", "on", "--listen", address, "--data", folder)
        command = (sys.executable, "-m", "tools.cli", *words)
        process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=DEVNULL)
        try:
            assert process.stdout is not None  # noqa: S101 (a pipe was asked for)
            await process.stdout.readline()
            before, started, times = cpu_seconds(process.pid), time.perf_counter(), list[float]()
            async with aiohttp.ClientSession(headers={"Content-Type": "application/cmcd"}) as session:
                await asyncio.gather(*(send(session, address, one, started + SECONDS, times) for one in range(CLIENTS)))
            spent, cpu, events = time.perf_counter() - started, cpu_seconds(process.pid) - before, len(times) * BATCH
        finally:
            process.terminate()
            await process.wait()
    print(f"{events / spent:,.0f} events/s, {cpu / events * 1e6:.1f} us of CPU an event, {events / cpu:,.0f} a core,"
          f" p99 {sorted(times)[int(len(times) * 0.99)] * 1e3:.1f} ms, load {os.getloadavg()[0]:.1f}")  # fmt: skip


async def send(session: aiohttp.ClientSession, address: str, client: int, until: float, times: list[float]) -> None:
    """Send batches, one after the other."""
    number, at = 0, 1_800_000_000_000
    while (started := time.perf_counter()) < until:
        body = "\n".join(LINE.format(client=client, number=number + one, at=at) for one in range(BATCH))
        number += BATCH
        async with session.post(f"http://{address}/events/cmcd", data=body) as answer:
            answer.raise_for_status()
        times.append(time.perf_counter() - started)


if __name__ == "__main__":
    asyncio.run(main())
