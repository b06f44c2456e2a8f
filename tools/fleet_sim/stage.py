"""The processes of the simulation: a real control, processes of agents, and the log of their events."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from control.audit.key_file import open_keyring
from control.db.database import open_database
from control.db.store import Author, Store, Tx
from control.desired import changes
from control.fleet.nodes import enrol
from control.trust.authority import Authority
from kernel.errors import MatineeError
from system.clock import SystemClock
from system.database.engine import read_address
from tools.bench.processes import cpu_seconds
from tools.fleet_sim.agent import AgentEvent
from tools.fleet_sim.crowd import CrowdPlan, make_certificate_request
from tools.up.ports import why_not_free

HOST = "127.0.0.1"
LIFE = 86_400.0
PORTS = (20_000, 32_000)
"""Below the kernel's ephemeral ports, which the agents use: a restarted control finds its port free."""
START_WITHIN = 60.0
STOP_WITHIN = 5.0
MAX_LINE = 16 << 20
REGIONS = ("eu", "us", "ap", "sa", "af")


class SimulationFailed(MatineeError):
    """The simulation could not run, so it has no figures."""


@dataclass(frozen=True, slots=True)
class SimulatedFleet:
    """The size of the simulation. `shields` of the agents are shields; `rows`: renditions per report."""

    agents: int
    processes: int
    shields: int
    titles: int
    rows: int
    spread: float
    database: str | None = None
    disks: Path | None = None
    """The folder of the agents' states; None: next to control's."""

    def identities(self) -> list[dict[str, str]]:
        """The id, role and region of each agent."""
        return [
            {
                "id": f"s{n}" if n < self.shields else f"e{n}",
                "role": "shield" if n < self.shields else "edge",
                "region": REGIONS[n % len(REGIONS)],
            }
            for n in range(self.agents)
        ]


class EventLog:
    """The events of all agents; `latest` by kind and agent."""

    def __init__(self) -> None:
        self.events: list[AgentEvent] = []
        self.latest: dict[str, dict[str, AgentEvent]] = {}
        self._news = asyncio.Event()

    def record(self, told: Iterable[Sequence[Any]]) -> None:
        """Record events of a process of agents."""
        for one in told:
            event = AgentEvent(*one)
            self.events.append(event)
            self.latest.setdefault(event.kind, {})[event.agent] = event
        self._news.set()

    def latest_of(self, kind: str) -> dict[str, AgentEvent]:
        """The latest event of a kind, by agent."""
        return self.latest.get(kind, {})

    def since(self, kind: str, at: float) -> list[AgentEvent]:
        """All events of a kind since `at`."""
        return [event for event in self.events if event.kind == kind and event.at >= at]

    async def wait_until(self, so: Callable[[], bool], seconds: float) -> bool:
        """Wait until `so()` is true. Returns False after `seconds`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not so():
                    self._news.clear()
                    await self._news.wait()
        return so()


@dataclass(slots=True)
class Simulation:
    """The running processes. `api` calls control's REST API."""

    folder: Path
    fleet: SimulatedFleet
    session: aiohttp.ClientSession
    tasks: asyncio.TaskGroup
    port: int
    admin: int
    ledger: EventLog = field(default_factory=EventLog)
    control: asyncio.subprocess.Process | None = None
    crowds: list[asyncio.subprocess.Process] = field(default_factory=list)
    peak: int = 0
    """The peak memory of control in bytes."""

    @property
    def pid(self) -> int:
        """The process id of control."""
        assert self.control is not None  # noqa: S101 (it runs; for the types)
        return self.control.pid

    async def start_control(self) -> float:
        """Start control. Returns the seconds until it serves. Raises SimulationFailed."""
        began = time.monotonic()
        settings = [
            "control", "--listen", f"{HOST}:{self.port}", "--admin", f"{HOST}:{self.admin}", "--tls", "required",
            "--data", str(self.folder / "control"), "--job-rate", "1000", "--drain", "1",
        ]  # fmt: skip
        if self.fleet.database is not None:
            settings += ["--database", self.fleet.database]
        self.control = await self._spawn("tools.up.supervise_child", *settings, log="control.log")
        try:
            async with asyncio.timeout(START_WITHIN):
                line = await _stdout(self.control).readline()
        except TimeoutError:
            line = b""
        if not line.startswith(b"ready "):
            raise SimulationFailed(f"control does not start: {_last_lines(self.folder / 'control.log')}")
        return time.monotonic() - began

    async def kill_control(self) -> None:
        """Kill control, as a power cut would."""
        self.record_memory()
        assert self.control is not None  # noqa: S101 (it runs; for the types)
        self.control.kill()
        await self.control.wait()

    async def start_crowds(self, plans: Sequence[CrowdPlan]) -> None:
        """Start the processes of agents."""
        for number, plan in enumerate(plans):
            file = self.folder / f"crowd-{number}.json"
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as made:
                json.dump(asdict(plan), made)
            crowd = await self._spawn("tools.fleet_sim.crowd", str(file), log=f"crowd-{number}.log")
            self.crowds.append(crowd)
            self.tasks.create_task(self._read_events(crowd))

    async def _spawn(self, module: str, *arguments: str, log: str) -> asyncio.subprocess.Process:
        with (self.folder / log).open("ab") as errors:
            return await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", module, str(os.getpid()), *arguments,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=errors, limit=MAX_LINE,
                start_new_session=True,
            )  # fmt: skip

    async def _read_events(self, crowd: asyncio.subprocess.Process) -> None:
        while line := await _stdout(crowd).readline():
            self.ledger.record(json.loads(line))

    def send_to_agents(self, said: dict[str, Any]) -> None:
        """Send a command to all processes of agents."""
        for crowd in self.crowds:
            assert crowd.stdin is not None  # noqa: S101 (it is a pipe; for the types)
            crowd.stdin.write(json.dumps(said).encode() + b"\n")

    async def api(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Control's response to a request. Raises SimulationFailed."""
        key = (self.folder / "control" / "api-key").read_text(encoding="utf-8").strip()
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        try:
            url = f"http://{HOST}:{self.admin}{path}"
            async with self.session.request(method, url, json=body, headers=headers) as answer:
                told: dict[str, Any] = await answer.json(content_type=None)
        except (OSError, aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise SimulationFailed(f"control does not answer {path}: {str(error) or type(error).__name__}") from None
        if answer.status >= 400:
            raise SimulationFailed(f"control refuses {method} {path}: {told.get('detail', answer.status)}")
        return told

    async def edges(self) -> dict[str, dict[str, Any]]:
        """Control's view of each agent, by id."""
        found: dict[str, dict[str, Any]] = {}
        cursor: str | None = ""
        while cursor is not None:
            page = await self.api("GET", f"/v1/edges?limit=1000&cursor={cursor}")
            found |= {one["id"]: one for one in page["edges"]}
            cursor = page["next"]
        return found

    def record_memory(self) -> None:
        """Update control's peak memory."""
        with contextlib.suppress(OSError):
            told = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
            kib = next(line for line in told.splitlines() if line.startswith("VmHWM:")).split()[1]
            self.peak = max(self.peak, int(kib) * 1024)

    def control_cpu(self) -> float:
        """CPU seconds that control has used."""
        return cpu_seconds(self.pid)

    async def close(self) -> None:
        """Kill every process."""
        running = [one for one in (self.control, *self.crowds) if one is not None and one.returncode is None]
        for one in running:
            with contextlib.suppress(ProcessLookupError):
                one.kill()
        await asyncio.gather(*(one.wait() for one in running))


@asynccontextmanager
async def set_up(folder: Path, fleet: SimulatedFleet, say: Callable[[str], object]) -> AsyncIterator[Simulation]:
    """Enrol the fleet, run control, start the agents; leaving the block ends all of them."""
    say("certificates for all agents")
    (folder / "control").mkdir(parents=True, mode=0o700)
    who, authority = await _enrolled(folder, fleet)
    timeout = aiohttp.ClientTimeout(total=30)
    disks = fleet.disks or folder / "agents"
    async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as tasks:
        port, admin = _ports(2)
        stage = Simulation(folder, fleet, session, tasks, port, admin)
        try:
            say("control starts")
            await stage.start_control()
            say("agents start")
            control, groups = [f"{HOST}:{port}"], [who[n :: fleet.processes] for n in range(fleet.processes)]
            plans = [CrowdPlan(control, str(disks), authority, group, fleet.rows, fleet.spread) for group in groups]
            await stage.start_crowds(plans)
            yield stage
        finally:
            await stage.close()


async def _enrolled(folder: Path, fleet: SimulatedFleet) -> tuple[list[dict[str, str]], str]:
    """Enrol the agents in control's database, and add titles. Returns (agents with certificates, authority)."""
    now = SystemClock.wall()
    authority = Authority.open(folder / "control" / "ca", now)
    who = []
    for one in fleet.identities():
        key, asked = make_certificate_request(one["id"])
        chain = authority.issue(asked, one["id"], one["role"], now, LIFE)
        who.append(one | {"key": key.decode(), "chain": chain.decode()})

    async def work(tx: Tx) -> None:
        for one in who:
            await enrol(tx, one["id"], one["role"], one["region"], now + LIFE)

    titles = {f"title-{n}": {"allow": ["DE", "FR", "US"]} for n in range(fleet.titles)}
    control = folder / "control"
    address = read_address(fleet.database, control / "control.sqlite3")
    store = await Store.open(open_database(address), keyring=open_keyring(control / "audit-key"))
    author = Author("simulation", now, "the fleet is made")
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(store.run())
            try:
                await store.transact(work, author)
                await store.commit(lambda desired: changes.put_titles(desired, titles, ()), author)
            finally:
                await store.close()
    finally:
        await store.dispose()
    return who, authority.pem.decode()


def _ports(count: int) -> list[int]:
    found: list[int] = []
    while len(found) < count:
        port = PORTS[0] + secrets.randbelow(PORTS[1] - PORTS[0])
        if port not in found and why_not_free(HOST, port) is None:
            found.append(port)
    return found


def _stdout(process: asyncio.subprocess.Process) -> asyncio.StreamReader:
    assert process.stdout is not None  # noqa: S101 (it is a pipe; for the types)
    return process.stdout


def _last_lines(log: Path, count: int = 5) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:]) or "it said nothing"
