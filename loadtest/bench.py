"""`python -m loadtest.bench`: how many players one generator core carries, measured against a real edge.

An edge with a film in its cache runs on one core, the generator on another. All players watch at 3 Mbit/s, paced by
their buffers, and the bodies are discarded. What counts is the CPU time of the generator for each second and player:
on a shared machine the wall clock says little.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import uvloop
from aiohttp import web

from loadtest.drivers.asyncio_driver import AsyncioDriver
from loadtest.histogram import merged
from loadtest.player.settings import PlayerSettings
from loadtest.session import Device, EndReason, NetworkProfile, RateStep, RequestKind, SessionRecord, Viewer

VIDEO_BPS, AUDIO_BPS = 2_872_000, 128_000
SEGMENT_S = 4
BUFFER_S = 12.0
FOLDER = "/cdn/eu/bench/"
GOAL_PLAYERS, GOAL_ERROR = 2_000, 0.01
EDGE_FLAGS = ("--tokens", "off", "--geo", "off", "--access-log", "off")


def film(seconds: float) -> dict[str, bytes]:
    """A title of one rung and its audio, 3 Mbit/s together, longer than the run."""
    top = [
        "#EXTM3U",
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="en",DEFAULT=YES,URI="audio/main.m3u8"',
        f'#EXT-X-STREAM-INF:BANDWIDTH={VIDEO_BPS + AUDIO_BPS},RESOLUTION=1280x720,AUDIO="a"',
        "v720/main.m3u8",
    ]
    held = {FOLDER + "master.m3u8": "\n".join(top).encode()}
    segments = int(seconds / SEGMENT_S) + 8
    for name, bps in (("v720", VIDEO_BPS), ("audio", AUDIO_BPS)):
        lines = ["#EXTM3U", f"#EXT-X-TARGETDURATION:{SEGMENT_S}", '#EXT-X-MAP:URI="init.mp4"']
        held[f"{FOLDER}{name}/init.mp4"] = os.urandom(800)
        body = os.urandom(bps * SEGMENT_S // 8)
        for number in range(1, segments + 1):
            lines += [f"#EXTINF:{SEGMENT_S},", f"{number:05d}.m4s"]
            held[f"{FOLDER}{name}/{number:05d}.m4s"] = body
        held[f"{FOLDER}{name}/main.m3u8"] = "\n".join([*lines, "#EXT-X-ENDLIST"]).encode()
    return held


@contextlib.asynccontextmanager
async def film_origin(held: Mapping[str, bytes]) -> AsyncIterator[str]:
    """Serves the film to the edge; the address."""

    async def answer(request: web.Request) -> web.Response:
        body = held.get(request.path)
        headers = {"Cache-Control": "public, max-age=3600"}
        return web.Response(body=body, headers=headers) if body is not None else web.Response(status=404)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield "http://{}:{}".format(*runner.addresses[0][:2])
    finally:
        await runner.cleanup()


@contextlib.contextmanager
def edge(
    upstream: str, folder: Path, core: int | None, *, program: str = "edge", flags: Sequence[str] = EDGE_FLAGS
) -> Iterator[tuple[str, int]]:
    """A real edge, or another `program` of the cache, in a process of its own; its address and process id."""
    command = [sys.executable, "-m", "tools.cli", program, "--id", "bench", "--listen", "127.0.0.1:0"]
    command += ["--admin", "127.0.0.1:0", "--upstream", upstream, "--cache-dir", str(folder / "cache")]
    command += ["--ram", "512MiB", "--disk", "1GiB", "--drain", "1s", *flags]
    with (folder / "edge.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        if core is not None:
            os.sched_setaffinity(process.pid, {core})
        yield _ready_address(process, folder), process.pid
    finally:
        process.terminate()
        process.wait(20)


def _ready_address(process: subprocess.Popen[str], folder: Path) -> str:
    """From the line that a server prints when it serves."""
    if process.stdout is None:
        raise RuntimeError("the edge has no output")
    for line in process.stdout:
        if line.startswith("ready"):
            word = next(word for word in line.replace(",", " ").split() if "127.0.0.1:" in word)
            return (
                ("https://" if word.startswith("https") else "http://")
                + word.partition("127.0.0.1:")[1]
                + word.partition("127.0.0.1:")[2]
            )
    raise RuntimeError(f"the edge did not start: {(folder / 'edge.log').read_text()[-2000:]}")


def cpu_s(pid: int) -> float:
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass
class Figures:
    """What a run measured."""

    players: int
    seconds: float
    generator_cpu: float
    edge_cpu: float
    wall_s: float
    records: list[SessionRecord]

    def as_plain(self) -> dict[str, object]:
        """For people and scripts."""
        error = merged(record.pacing_error for record in self.records)
        segments = [(k, t) for r in self.records for k, t in r.requests.items() if k.kind is RequestKind.SEGMENT]
        size, played = sum(t.bytes for _, t in segments), sum(record.played_s for record in self.records)
        per_player = self.generator_cpu / played if played else 0.0
        return {
            "players": self.players,
            "segments": sum(t.count for _, t in segments),
            "failedSegments": sum(t.count for k, t in segments if k.outcome not in (200, 206)),
            "gigabytes": round(size / 1e9, 2),
            "megabitsPerSecond": round(size * 8 / self.wall_s / 1e6),
            "playedSeconds": round(played),
            "stalledSeconds": round(sum(record.stalled_s for record in self.records), 2),
            "generatorCpuShare": round(self.generator_cpu / self.wall_s, 3),
            "edgeCpuShare": round(self.edge_cpu / self.wall_s, 3),
            "cpuMicrosecondsPerPlayedSecond": round(per_player * 1e6, 1),
            "playersPerCore": round(1 / per_player) if per_player else 0,
            "pacingErrorP50": round(error.percentile(0.5), 5),
            "pacingErrorP95": round(error.percentile(0.95), 5),
            "load": [round(one, 2) for one in os.getloadavg()],
        }


async def measure(
    players: int,
    seconds: float,
    ramp_s: float,
    profile: NetworkProfile,
    core: int | None,
    flags: Sequence[str] = EDGE_FLAGS,
) -> Figures:
    """Play against an edge of its own, whose cache was filled before."""
    with tempfile.TemporaryDirectory(prefix="loadtest-bench-") as name:
        held = film(seconds)
        async with film_origin(held) as origin:
            with edge(origin, Path(name), core, flags=flags) as (url, pid):
                await warm(url, held)
                device = Device("bench", None, buffer_goal_s=BUFFER_S)
                viewers = [
                    Viewer(
                        number, url + FOLDER + "master.m3u8", ramp_s * number / players, device=device, network=profile
                    )
                    for number in range(players)
                ]
                records: list[SessionRecord] = []
                driver = AsyncioDriver(PlayerSettings(abr="fixed:9e9"), verify_tls=False)
                began, own, other = time.monotonic(), time.process_time(), cpu_s(pid)
                await driver.play(viewers, seconds, records.append)
                own, other, wall_s = time.process_time() - own, cpu_s(pid) - other, time.monotonic() - began
    return Figures(players, seconds, own, other, wall_s, records)


async def measure_locust(users: int, seconds: float, ramp_s: float, cores: Sequence[int]) -> dict[str, object]:
    """The same by Locust users, in a process of Locust's own."""
    with tempfile.TemporaryDirectory(prefix="loadtest-bench-") as name:
        held = film(seconds)
        async with film_origin(held) as origin:
            with edge(origin, Path(name), cores[-1] if len(cores) > 1 else None) as (url, pid):
                await warm(url, held)
                words = ["-m", "locust", "-f", str(Path(__file__).with_name("locustfile.py")), "--headless", "--json"]
                words += ["--host", url + FOLDER + "master.m3u8", "-u", str(users), "-r", str(users / ramp_s)]
                words += ["-t", f"{seconds:.0f}s", "--abr", "fixed:9e9", "--unlimited", "--watch-seconds", "86400"]
                words += ["--buffer-seconds", str(BUFFER_S)]
                began, other = time.monotonic(), cpu_s(pid)
                process = await asyncio.create_subprocess_exec(
                    sys.executable, *words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
                )
                said, _ = await process.communicate()
                other, wall_s = cpu_s(pid) - other, time.monotonic() - began
    own = resource.getrusage(resource.RUSAGE_CHILDREN)
    rows = {row["name"]: row for row in json.loads(said)}
    late = sorted((float(ms), int(count)) for ms, count in rows["late"]["response_times"].items())
    return {
        "users": users,
        "segments": rows["segment"]["num_requests"],
        "failedSegments": rows["segment"]["num_failures"],
        "gigabytes": round(rows["segment"]["total_content_length"] / 1e9, 2),
        "megabitsPerSecond": round(rows["segment"]["total_content_length"] * 8 / wall_s / 1e6),
        "generatorAndEdgeCpuShare": round((own.ru_utime + own.ru_stime) / wall_s, 3),
        "edgeCpuShare": round(other / wall_s, 3),
        "pacingErrorP95": round(_percentile(late, 0.95) / 1000 / SEGMENT_S, 5),
        "load": [round(one, 2) for one in os.getloadavg()],
    }


def _percentile(counted: Sequence[tuple[float, int]], share: float) -> float:
    """Of (value, count) by ascending value."""
    left = share * sum(count for _, count in counted)
    for value, count in counted:
        left -= count
        if left <= 0:
            return value
    return counted[-1][0] if counted else 0.0


async def warm(url: str, paths: Iterable[str]) -> None:
    """Fetch every object once."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as session:
        for path in paths:
            async with session.get(url + path) as response:
                response.raise_for_status()
                await response.read()


def main() -> int:
    """Print the figures; 1 when a goal was missed."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.bench", description=__doc__)
    parser.add_argument("--players", type=int, default=GOAL_PLAYERS)
    parser.add_argument("--seconds", type=float, default=60.0, help="wall seconds of the run")
    parser.add_argument("--ramp", type=float, default=20.0, help="seconds over which the players arrive")
    parser.add_argument("--line", type=float, help="bits per second of each player's line; default: no limit")
    parser.add_argument("--locust", type=int, metavar="USERS", help="measure Locust users instead")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, {cores[0]})
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if options.locust:
            plain = runner.run(measure_locust(options.locust, options.seconds, options.ramp, cores))
            failed: list[SessionRecord] = []
        else:
            profile = NetworkProfile("line", (RateStep(3600, options.line),) if options.line else ())
            core = cores[1] if len(cores) > 1 else None
            figures = runner.run(measure(options.players, options.seconds, options.ramp, profile, core))
            plain = figures.as_plain()
            failed = [record for record in figures.records if record.end is not EndReason.RUN_ENDED]
    print(json.dumps(plain) if options.json else "\n".join(f"{key:32} {value}" for key, value in plain.items()))
    for record in failed[:3]:
        print(f"a session ended: {record.end.value} {record.end_detail}", file=sys.stderr)
    reached = float(str(plain["pacingErrorP95"])) < GOAL_ERROR and not failed and not plain["failedSegments"]
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
