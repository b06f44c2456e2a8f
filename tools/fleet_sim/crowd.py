"""A process of the simulated fleet: runs some of the agents; reads commands on stdin, prints events on stdout.

    python -m tools.fleet_sim.crowd PARENT_PID PLAN_FILE

Lines of JSON both ways: `{"rise": [title, share]}` in, lists of events out, many at a time. It ends with its parent.
"""

from __future__ import annotations

import asyncio
import json
import logging
import resource
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
import uvloop
import xxhash

from kernel.fleet.identity import make_key, request
from kernel.fleet.messages import Hello
from rpc.identity_file import Credentials
from system.clock import SystemClock
from tools.fleet_sim.agent import Agent, AgentEvent, SharedWorld, zipf
from tools.up.supervise_child import die_with_parent

PRINT_SECONDS = 0.02
"""Seconds between two lines of events."""
MAX_FILES = 16_384


@dataclass(frozen=True, slots=True)
class CrowdPlan:
    """The agents of a process and their environment, as its parent writes them to a file."""

    control: list[str]
    folder: str
    authority: str
    agents: list[dict[str, str]]
    """Each with id, role, region, key and certificate chain."""
    rows: int
    spread: float
    """Seconds over which the starts are spread."""


class AgentProcess:
    """The agents of one process."""

    def __init__(self, plan: CrowdPlan) -> None:
        self._events: list[AgentEvent] = []
        self._plan = plan
        self.world = SharedWorld(SystemClock(), plan.control, self._events.append, zipf(plan.rows))

    async def run(self) -> None:
        """Run until stdin ends."""
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._read_commands, args=(loop, ended), daemon=True).start()
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(self._run_agent(told)) for told in self._plan.agents]
            running.append(tasks.create_task(self._print_events()))
            await ended.wait()
            for one in running:
                one.cancel()

    def _read_commands(self, loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(self.handle_command, json.loads(line))
        loop.call_soon_threadsafe(ended.set)

    def handle_command(self, said: dict[str, Any]) -> None:
        """Handle a command of the parent."""
        if "rise" in said:
            title, share = said["rise"]
            self.world.rising = (title, share, self.world.clock.mono())

    async def _run_agent(self, told: dict[str, str]) -> None:
        name = told["id"]
        credentials = Credentials.from_parts(
            told["key"].encode(), told["chain"].encode(), self._plan.authority.encode()
        )
        hello = Hello(name, told["role"], told["region"], release="simulation")
        place = xxhash.xxh3_64_intdigest(name.encode()) / (1 << 64)
        agent = Agent(hello, credentials, Path(self._plan.folder) / name, self.world, place)
        await asyncio.sleep(place * self._plan.spread)
        await agent.run()

    async def _print_events(self) -> None:
        while True:
            await asyncio.sleep(PRINT_SECONDS)
            if self._events:
                told = self._events[:]
                self._events.clear()
                print(json.dumps(told), flush=True)


def make_certificate_request(node_id: str) -> tuple[bytes, bytes]:
    """Make a key and its certificate request."""
    key = make_key()
    return key, request(key, node_id)


def raise_file_limit(most: int = MAX_FILES) -> None:
    """Raise the limit of open files to `most`, or to the hard limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def main(argv: Sequence[str]) -> int:
    """Bind to the parent's life, read the plan file, run the agents."""
    if not die_with_parent(int(argv[0])):
        return 1
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    raise_file_limit()
    plan = CrowdPlan(**json.loads(Path(argv[1]).read_text(encoding="utf-8")))
    uvloop.run(AgentProcess(plan).run())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
