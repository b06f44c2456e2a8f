"""`python -m tools.bench`: run the benchmarks of the table below, print their tables, write JSON on demand.

Over 300 lines because each benchmark has its few lines here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from kernel.errors import BadSettings, MatineeError
from kernel.settings.command_line import command
from kernel.settings.table import INTEGER, NUMBER, PATH, SIZE, SWITCH, TEXT, setting
from tools.bench import disk, hits, http2, machine, memory, misses, playback, replay, report
from tools.bench.peers import Peer, matinee, nginx, nginx_program, ours, varnish, varnish_program
from tools.bench.processes import alone
from tools.bench.report import KIB, MIB

OURS = "matinee"
NGINX = {
    "nginx A": ("sendfile on, tcp_nopush on", nginx("nginx A", True, True)),
    "nginx B": ("sendfile off", nginx("nginx B", False, False)),
    "nginx C": ("sendfile on, tcp_nopush off", nginx("nginx C", True, False)),
}
"""nginx in its three sensible settings: what it stands for, how it is started."""
TLS_SIZES = (KIB, 64 * KIB, 256 * KIB, MIB)
DISK_SIZES = (256 * KIB, MIB)


@dataclass(frozen=True)
class BenchSettings:
    """The settings of `python -m tools.bench`."""

    quick: bool = setting(SWITCH, "off", "One short round of everything, in a minute: to see that it works.")
    sizes: tuple[int, ...] = setting(SIZE, None, "Body sizes (default: as the benchmark has them).", many=True, least=1)
    rounds: int | None = setting(INTEGER, None, "Rounds of all servers in turn (default: 5).", least=1, most=100)
    seconds: float | None = setting(NUMBER, None, "Seconds of one measurement (default: 1.2).", least=0.05, most=60)
    only: tuple[str, ...] = setting(TEXT, None, "Run only the benchmarks of these names.", many=True)
    json: Path | None = setting(PATH, None, "Write every figure to this file.")

    @property
    def times(self) -> tuple[int, float]:
        """(rounds, seconds of a measurement)."""
        rounds, seconds = (1, 0.25) if self.quick else (5, 1.2)
        return self.rounds or rounds, self.seconds or seconds


class Told(NamedTuple):
    """What came of a benchmark: figures for the JSON file, and each target that was missed, in a sentence."""

    figures: Any
    missed: list[str]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A row of the table of benchmarks: `run(settings, console)` prints its table and says what came of it."""

    name: str
    summary: str
    run: Callable[[BenchSettings, Console], Told]


def with_nginx(console: Console, peers: dict[str, Peer], chosen: dict[str, Peer]) -> dict[str, Peer]:
    """Ours and these settings of nginx; ours alone, and that said, where there is no nginx."""
    if nginx_program():
        return peers | chosen
    console.print("[bold red]nginx was not found: there is no peer to compare with (apt install nginx)[/]")
    return peers


def told_rows(console: Console, title: str, rows: Sequence[report.Row], peers: Iterable[str]) -> Told:
    """Print a table of rows; what came of it."""
    names = [name for name in peers if name != OURS]
    console.print(report.table(title, rows, OURS, names))
    console.print("requests/s, beside the point: " + report.rates(rows, [OURS, *names]), style="dim", highlight=False)
    return Told(report.as_json(rows, OURS, names), report.missed(rows, OURS))


def rounds_said(rounds: int) -> str:
    """As a title says it."""
    return "1 round" if rounds == 1 else f"median and least-most of {rounds} rounds"


def run_hits(settings: BenchSettings, console: Console) -> Told:
    """CPU for a hit: ours beside nginx in three settings, and Varnish."""
    rounds, seconds = settings.times
    plan = hits.Plan(settings.sizes or hits.SIZES, rounds, seconds)
    peers = with_nginx(console, {OURS: ours}, {name: peer for name, (_, peer) in NGINX.items()})
    if varnish_program():
        peers["varnish"] = varnish
    else:
        console.print("[bold red]varnishd was not found: its column is missing (apt install varnish)[/]")
    with console.status("") as status:
        rows = hits.run(plan, peers, status.update)
    told = told_rows(
        console, f"A hit with token, country and log on: µs of server CPU, {rounds_said(rounds)}", rows, peers
    )
    for name in peers:
        if name in NGINX:
            console.print(f"{name}: {NGINX[name][0]}", style="dim", highlight=False)
    if "varnish" in peers:
        console.print("varnish: out of memory; no token, no country, no log", style="dim", highlight=False)
    return told


def run_tls(settings: BenchSettings, console: Console) -> Told:
    """CPU for a hit over TLS 1.3."""
    rounds, seconds = settings.times
    plan = hits.Plan(settings.sizes or TLS_SIZES, rounds, seconds, tls=True)
    secured = {"nginx A": nginx("nginx A", True, True, tls=True)}
    peers = with_nginx(console, {OURS: matinee(tls=True)}, secured)
    with console.status("") as status:
        rows = hits.run(plan, peers, status.update)
    return told_rows(
        console, f"The same over TLS 1.3, one certificate: µs of server CPU, {rounds_said(rounds)}", rows, peers
    )


def run_http2(settings: BenchSettings, console: Console) -> Told:
    """CPU for a hit by HTTP/2, beside our own HTTP/1.1 and nginx."""
    if http2.h2load_program() is None:
        console.print("[bold red]h2load was not found: HTTP/2 is not measured (apt install nghttp2-client)[/]")
        return Told([], [])
    rounds, seconds = settings.times
    plan = hits.Plan(settings.sizes or http2.SIZES, rounds, seconds)
    secured = {"nginx h2": nginx("nginx h2", True, True, tls=True, http2=True)}
    peers = with_nginx(console, {OURS: matinee(tls=True)}, secured)
    with console.status("") as status:
        rows = http2.run(plan, peers, status.update)
    title = f"A hit by HTTP/2 over TLS 1.3, h2load with 4 connections: µs of server CPU, {rounds_said(rounds)}"
    return told_rows(console, title, rows, [http2.OUR_HTTP1, *peers])


def run_disk(settings: BenchSettings, console: Console) -> Told:
    """CPU for a hit from the disk tier, and how late the loop is while reads wait for the disk."""
    rounds, seconds = settings.times
    sizes = settings.sizes or (DISK_SIZES[-1:] if settings.quick else DISK_SIZES)
    peers = with_nginx(console, {OURS: disk.ours}, {"nginx A": NGINX["nginx A"][1]})
    with console.status("") as status:
        rows, cold = disk.run(disk.plan_of(sizes, rounds, seconds), peers, status.update)
    title = f"A hit from disk, ten times as much as RAM, pages warm: µs of server CPU, {rounds_said(rounds)}"
    told = told_rows(console, title, rows, peers)
    for name, seen in cold.items():
        console.print(
            f"cold reads, {name}: a hit in RAM took {seen.median * 1e3:.2f} ms (99 % {seen.late * 1e3:.2f}, worst "
            f"{seen.worst * 1e3:.2f}) over {seen.looks} looks, pages dropped {seen.dropped} times, "
            f"{seen.requests} reads beside it",
            highlight=False,
        )
    seen = cold[OURS]
    late = [] if seen.met else [f"cold reads: 99 % within {seen.late * 1e3:.1f} ms, target {disk.MAX_LATE * 1e3:g} ms"]
    figures = {"warm": told.figures, "cold": {name: asdict(one) for name, one in cold.items()}}
    return Told(figures, told.missed + late)


def run_misses(settings: BenchSettings, console: Console) -> Told:
    """CPU for a miss that is streamed through and stored, and the time to its first byte."""
    rounds, _ = settings.times
    each, looks = (4, 30) if settings.quick else (12, 200)
    peers = with_nginx(console, {OURS: misses.ours}, {"nginx A": NGINX["nginx A"][1]})
    with console.status("") as status:
        rows, first = misses.run(settings.sizes or misses.SIZES, each, rounds, looks, peers, status.update)
    title = f"A miss, streamed through and stored: µs of server CPU, {rounds_said(rounds)}"
    told = told_rows(console, title, rows, peers)
    for name, seen in first.items():
        console.print(
            f"first byte of a miss, {name}: {seen.median * 1e3:.2f} ms "
            f"(99 % {seen.late * 1e3:.2f} ms) over {seen.looks}",
            highlight=False,
        )
    late = []
    if (peer := first.get("nginx A")) is not None:
        for what, mine, its in (("median", first[OURS].median, peer.median), ("99 %", first[OURS].late, peer.late)):
            if mine - its > misses.MAX_LATER:
                late.append(f"first byte of a miss, {what}: {(mine - its) * 1e3:.2f} ms after nginx A, target 1 ms")
    figures = {"cpu": told.figures, "firstByte": {name: asdict(one) for name, one in first.items()}}
    return Told(figures, told.missed + late)


def run_replay(settings: BenchSettings, console: Console) -> Told:
    """Byte miss over a trace: our cache code beside libCacheSim's policies."""
    requests = replay.trace(50_000 if settings.quick else 500_000, seed=1)
    if replay.peers() is None:
        told = "libcachesim is not installed: there is only LRU to compare with (pip install libcachesim)"
        console.print(f"[bold red]{told}[/]")
    with console.status("") as status:
        one, two = replay.compare(requests, status.update)
    console.print(replay.table(f"{len(requests):,} requests, one tier of 5 % of the footprint", one))
    console.print(replay.table("The same, RAM .5 % and disk 10 %", two))
    missed = [] if settings.quick else replay.misses_of_targets(one, two)  # a short trace is mostly first requests
    return Told([asdict(figure) for figure in (*one, *two)], missed)


def run_memory(settings: BenchSettings, console: Console) -> Told:
    """Memory under churn: what an edge takes beside `--ram`."""
    rams, requests = (memory.RAMS[:1], 20_000) if settings.quick else (settings.sizes or memory.RAMS, memory.REQUESTS)
    found = []
    with console.status("") as status:
        for ram in rams:
            found.append(one := memory.growth(ram, requests, status.update))
            console.print(
                f"--ram {one.ram // MIB} MiB: {one.requests:,} requests for {one.objects:,} objects of "
                f"{memory.BODY:,} bytes: resident {one.empty // MIB} MiB empty, {one.grown // MIB} MiB more after it "
                f"(at most {one.most // MIB})",
                highlight=False,
            )
    missed = [
        f"--ram {one.ram // MIB} MiB: grew by {one.grown // MIB} MiB, target {one.most // MIB}"
        for one in found
        if one.grown > one.most
    ]
    return Told([asdict(one) for one in found], missed)


def run_playback(settings: BenchSettings, console: Console) -> Told:
    """CPU of the services for a start of playback and for a heartbeat."""
    rows, starts, heartbeats = (2_000, 200, 1_000) if settings.quick else (
        playback.ROWS, playback.STARTS, playback.HEARTBEATS,
    )  # fmt: skip
    with console.status("") as status:
        found = playback.measure(rows, starts, heartbeats, status.update)
    console.print(playback.table(found))
    return Told(asdict(found), found.missed)


def run_loadtest(settings: BenchSettings, console: Console) -> Told:
    """Players that one core of the load generator carries: in a process of its own, which it gives a core."""
    flags = (["--players=200", "--seconds=10", "--ramp=4"], ["--locust=30", "--seconds=10", "--ramp=4"])
    figures, missed = {}, []
    for name, quick, full in zip(("asyncio", "locust"), flags, ([], ["--locust=300"]), strict=True):
        argv = [sys.executable, "-m", "loadtest.bench", "--json", *(quick if settings.quick else full)]
        done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False)
        if not done.stdout:
            raise MatineeError(f"{' '.join(argv[1:])} ended with {done.returncode} and printed nothing")
        figures[name] = found = json.loads(done.stdout)
        error, players = found["pacingErrorP95"], found.get("players") or found["users"]
        told = f"{name}: {players:,} players, {found['megabitsPerSecond']:,} Mbit/s, pacing error p95 {error:.2%}"
        console.print(told, highlight=False)
        missed += [f"{told}: target 1 %"] if done.returncode else []
    return Told(figures, missed)


BENCHMARKS = (
    Benchmark("hits", "CPU of the server for a cache hit, beside nginx and Varnish.", run_hits),
    Benchmark("tls", "The same over TLS, beside nginx.", run_tls),
    Benchmark("http2", "The same by HTTP/2, beside our HTTP/1.1 and nginx's HTTP/2.", run_http2),
    Benchmark("disk", "CPU for a hit from the disk tier, and the loop's delay while reads wait.", run_disk),
    Benchmark("misses", "CPU for a miss, and the time to its first byte.", run_misses),
    Benchmark("memory", "Resident memory under churn, for a given --ram.", run_memory),
    Benchmark("playback", "CPU of the services for a start of playback and a heartbeat.", run_playback),
    Benchmark("loadtest", "Players that one core of the load generator carries.", run_loadtest),
    Benchmark("replay", "Byte miss over a trace of segments, beside libCacheSim's policies.", run_replay),
)


def run(settings: BenchSettings) -> int:
    """Run the benchmarks asked for; 0, or MatineeError when one could not be measured."""
    known = [benchmark.name for benchmark in BENCHMARKS]
    if unknown := set(settings.only).difference(known):
        raise BadSettings("only", f"no benchmark is named {', '.join(sorted(unknown))}; there is {', '.join(known)}")
    console = Console(width=None if sys.stdout.isatty() else 120)
    told = machine.facts()
    chosen = [benchmark for benchmark in BENCHMARKS if not settings.only or benchmark.name in settings.only]
    with alone(Path(tempfile.gettempdir()) / f"matinee-bench-{os.getuid()}.lock") as only:
        if not only:
            console.print("[bold red]another benchmark is running: the figures of both are worth little[/]")
        results = {benchmark.name: benchmark.run(settings, console) for benchmark in chosen}
    for name, told_of in results.items():
        for sentence in told_of.missed:
            console.print(f"[bold red]TARGET MISSED[/] {name}, {sentence}", highlight=False)
    if not any(told_of.missed for told_of in results.values()):
        console.print("no target was missed", highlight=False)
    console.print("\n".join(f"{name}: {text}" for name, text in told.items()), style="dim", highlight=False)
    if settings.json:
        document = {
            "machine": told,
            "benchmarks": {name: told_of.figures for name, told_of in results.items()},
            "missed": {name: told_of.missed for name, told_of in results.items()},
        }
        settings.json.write_text(json.dumps(document, indent=1) + "\n")
    return 0


def main() -> int:
    """Read the command line and run."""
    return command(
        BenchSettings,
        run,
        sys.argv[1:],
        prog="python -m tools.bench",
        summary="Side-by-side benchmarks: ours and the peer's in turn, ratios printed. "
        + " ".join(f"{benchmark.name}: {benchmark.summary}" for benchmark in BENCHMARKS),
        env=os.environ,
        read_text=lambda name: Path(name).read_text(encoding="utf-8"),
        say=lambda text, is_error: print(text, file=sys.stderr if is_error else sys.stdout, flush=True),
    )


if __name__ == "__main__":
    sys.exit(main())
