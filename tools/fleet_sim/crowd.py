"""A process of the simulated fleet: some of the agents, told what to do on stdin, telling what happens on stdout.

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
from tools.fleet_sim.agent import Agent, Event, World, zipf
from tools.up.supervise_child import die_with_parent

TELL_EVERY = 0.02
"""Seconds between two lines."""
FILES = 16_384


@dataclass(frozen=True, slots=True)
class Plan:
    """What a crowd is: the file that its parent writes for it."""

    control: list[str]
    folder: str
    authority: str
    agents: list[dict[str, str]]
    """Of each id, role, region, key and chain."""
    rows: int
    spread: float
    """Seconds over which they start."""


class Crowd:
    """The agents of one process."""

    def __init__(self, plan: Plan) -> None:
        self._events: list[Event] = []
        self._plan = plan
        self.world = World(SystemClock(), plan.control, self._events.append, zipf(plan.rows))

    async def run(self) -> None:
        """Until stdin ends."""
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._listen, args=(loop, ended), daemon=True).start()
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(self._live(told)) for told in self._plan.agents]
            running.append(tasks.create_task(self._tell()))
            await ended.wait()
            for one in running:
                one.cancel()

    def _listen(self, loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(self.hear, json.loads(line))
        loop.call_soon_threadsafe(ended.set)

    def hear(self, said: dict[str, Any]) -> None:
        """A word of the parent."""
        if "rise" in said:
            title, share = said["rise"]
            self.world.rising = (title, share, self.world.clock.mono())

    async def _live(self, told: dict[str, str]) -> None:
        name = told["id"]
        credentials = Credentials.from_parts(
            told["key"].encode(), told["chain"].encode(), self._plan.authority.encode()
        )
        hello = Hello(name, told["role"], told["region"], release="simulation")
        place = xxhash.xxh3_64_intdigest(name.encode()) / (1 << 64)
        agent = Agent(hello, credentials, Path(self._plan.folder) / name, self.world, place)
        await asyncio.sleep(place * self._plan.spread)
        await agent.run()

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(TELL_EVERY)
            if self._events:
                told = self._events[:]
                self._events.clear()
                print(json.dumps(told), flush=True)


def request_of(node_id: str) -> tuple[bytes, bytes]:
    """A key and the certificate request for it."""
    key = make_key()
    return key, request(key, node_id)


def open_files(most: int = FILES) -> None:
    """As many as the machine lets us have, up to that many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def main(argv: Sequence[str]) -> int:
    """Bind to the parent's life, read the plan, live."""
    if not die_with_parent(int(argv[0])):
        return 1
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    open_files()
    plan = Plan(**json.loads(Path(argv[1]).read_text(encoding="utf-8")))
    uvloop.run(Crowd(plan).run())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
