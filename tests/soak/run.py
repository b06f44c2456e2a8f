"""`python -m tests.soak`: one world after another, each a topology of real processes under load, faults and purges."""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.soak.clock import Now
from tests.soak.model import Model
from tests.soak.operators import Operator
from tests.soak.origin import Origin
from tests.soak.things import Thing, make_things
from tests.soak.tiers import Fleet, Tier
from tests.soak.viewer import Crowd, Viewer

MOST_TOLD = 5
QUIET_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class World:
    """One topology. `kill_every`: seconds; 0 kills nobody."""

    name: str
    profile: str
    policy: str = "s3fifo"
    admission: str = "always"
    ram: str = "4MiB"
    disk: str = "48MiB"
    edges: int = 1
    shield: bool = False
    kill_every: float = 7.0
    names: int = 150


WORLDS = (
    World("media, small", "media"),
    World("general, small, lru", "general", policy="lru", admission="second"),
    World("general, behind a shield", "general", edges=2, shield=True),
    World("media, behind a shield, RAM only", "media", policy="lru", disk="0", ram="24MiB", edges=2, shield=True),
    World("general, roomy", "general", ram="128MiB", disk="512MiB", kill_every=12.0),
    World("media, tiny, second", "media", ram="1MiB", disk="8MiB", admission="second", kill_every=4.0, names=60),
)


class Soak:
    """One world for some seconds."""

    def __init__(self, world: World, seed: str, folder: Path, viewers: int) -> None:
        self.world = world
        self.general = world.profile == "general"
        rng = random.Random(seed)
        names = self._names()
        things = {thing.name: thing for thing in make_things(seed, names, general=self.general)}
        for name in names:
            if "/herd" in name:  # what a herd asks for is kept by everybody
                things[name] = Thing(
                    name, rng.choice((10, 70_000, 2_000_000)), "max-age", 3600, slow=0.5, keys=("herd",)
                )
        self.model = Model(things, hops=2 if world.shield else 1, general=self.general)
        self.now = Now()
        self.origin = Origin(self.model, self.now, random.Random(f"{seed}/origin"), general=self.general)
        self.seed, self.folder, self.viewers = seed, folder, viewers

    def _names(self) -> list[str]:
        if self.general:
            hosts = ("a.test", "b.test")
            own = [
                f"{hosts[n % 2]}/title{n % 9 // 2}/k{n // 2}{'?q=1' if n % 5 == 0 else ''}"
                for n in range(self.world.names)
            ]
            return own + [f"a.test/h/herd{n}" for n in range(300)]
        return [f"title{n % 5}/v720/k{n}.m4s" for n in range(self.world.names)] + [
            f"h/v1/herd{n}.m4s" for n in range(300)
        ]

    def _tier(self, name: str, command: str, upstream: int, patience: float) -> Tier:
        world = self.world
        options = {
            "profile": world.profile, "policy": world.policy, "admission": world.admission, "ram": world.ram,
            "disk": world.disk, "upstream": f"http://127.0.0.1:{upstream}", "max-object": "64MiB", "drain": "3s",
            "upstream-connect": "1s", "upstream-first-byte": f"{patience}s", "upstream-idle": f"{patience}s",
        }  # fmt: skip
        return Tier(name, command, self.folder, options)

    async def run(self, seconds: float) -> tuple[list[tuple[str, str]], Counter[str]]:
        """What was wrong, and what was counted."""
        await self.origin.open()
        inner = [self._tier("s1", "shield", self.origin.port, 1.5)] if self.world.shield else []
        upstream = inner[0].port if inner else self.origin.port
        edges = [self._tier(f"e{n + 1}", "edge", upstream, 3.0 if inner else 1.5) for n in range(self.world.edges)]
        fleet = Fleet(edges, inner, self.model)
        crowd = Crowd(self.model, edges, self.now, general=self.general)
        try:
            await fleet.start()
            async with asyncio.TaskGroup() as group:
                self._begin(group, crowd, fleet)
                until = self.now() + seconds
                while self.now() < until and len(crowd.wrongs) < MOST_TOLD and not crowd.ended:
                    await asyncio.sleep(0.05)
                crowd.ended = True
            await self._afterwards(crowd, fleet)
        finally:
            for tier in fleet.all:
                await tier.kill()
            await self.origin.close()
        crowd.count["faults"] += sum(1 for a in self.model.answers.values() if a.fault)
        crowd.count["origin answers"] += len(self.model.answers)
        return crowd.wrongs, crowd.count

    def _begin(self, group: asyncio.TaskGroup, crowd: Crowd, fleet: Fleet) -> None:
        operator = Operator(crowd, fleet, self.origin, random.Random(f"{self.seed}/operator"))
        group.create_task(operator.publishes())
        group.create_task(operator.purges())
        group.create_task(operator.makes_weather())
        group.create_task(operator.herds())
        if self.world.kill_every:
            group.create_task(operator.kills(self.world.kill_every))
        for number in range(self.viewers):
            viewer = Viewer(f"v{number}", crowd, random.Random(f"{self.seed}/viewer{number}"))
            group.create_task(viewer.run())

    async def _afterwards(self, crowd: Crowd, fleet: Fleet) -> None:
        """When all is quiet: nothing runs on, budgets are kept, nothing bad was logged, the end is clean."""
        self.origin.faults = 0.0
        any_name = next(iter(self.model.things))
        async with asyncio.TaskGroup() as group:
            for tier in fleet.all:
                group.create_task(self._leaves_well(crowd, tier, any_name))

    async def _leaves_well(self, crowd: Crowd, tier: Tier, any_name: str) -> None:
        stats = await tier.asks("GET", "/stats")
        until = self.now() + QUIET_SECONDS
        while stats["fills_running"] and self.now() < until:
            await asyncio.sleep(0.1)
            stats = await tier.asks("GET", "/stats")
        wrongs = [] if not stats["fills_running"] else [f"{stats['fills_running']} fills run on"]
        budget = _bytes(self.world.ram)
        if int(str(stats["ram_bytes"])) > budget:
            wrongs.append(f"{stats['ram_bytes']} bytes in RAM of {budget}")
        if tier.on_disk() > _bytes(self.world.disk) * 1.1 + (1 << 20):
            wrongs.append(f"{tier.on_disk()} bytes on disk of {self.world.disk}")
        crowd.count["most memory MiB"] = max(crowd.count["most memory MiB"], tier.memory() >> 20)
        crowd.count["most descriptors"] = max(crowd.count["most descriptors"], tier.descriptors())
        if code := await tier.stop():
            wrongs.append(f"ended with {code} on SIGTERM")
        crowd.wrongs += [(any_name, f"{tier.name}: {what}") for what in (*wrongs, *tier.complaints()[:2])]


def _bytes(size: str) -> int:
    return int(size.removesuffix("MiB")) << 20


def report(soak: Soak, wrongs: Sequence[tuple[str, str]]) -> None:
    """What failed, with all that is known of the name."""
    print(f"\nFAILED: {soak.world}, seed {soak.seed}, files in {soak.folder}")
    told = set[str]()
    for name, what in wrongs[:MOST_TOLD]:
        print(f"\n* {what}\n  {soak.model.things[name]}")
        if name not in told:
            print("\n".join(f"    {line}" for line in soak.model.story(name)))
        told.add(name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the worlds in turn; 0 when every byte was right."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="in all; shared evenly by the worlds")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    parser.add_argument("--viewers", type=int, default=24)
    parser.add_argument("--world", type=int, action="append", help="number of a world, from 0; all when not given")
    parser.add_argument("--slowly", type=float, default=1.0, help="kills are so many times rarer; 0: nobody is killed")
    given = parser.parse_args(arguments)
    worlds = [WORLDS[n] for n in given.world] if given.world else list(WORLDS)
    print(f"soak: seed {given.seed}, {given.minutes:g} minutes, {len(worlds)} worlds", flush=True)
    failed = False
    for number, world in enumerate(worlds):
        folder = Path(tempfile.mkdtemp(prefix="matinee-soak-"))
        world = replace(world, kill_every=world.kill_every * given.slowly)
        soak = Soak(world, f"{given.seed}/{number}/{world.name}", folder, given.viewers)
        wrongs, count = asyncio.run(soak.run(given.minutes * 60 / len(worlds)))
        told = ", ".join(f"{what} {number}" for what, number in sorted(count.items()))
        print(f"{'WRONG' if wrongs else 'right'}: {world.name}: {told}", flush=True)
        if wrongs:
            report(soak, wrongs)
            failed = True
        else:
            shutil.rmtree(folder)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
