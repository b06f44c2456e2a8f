"""Operators: they purge and publish, make weather at the origin, kill edges and damage what lies on their disks."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from tests.soak.model import Purge
from tests.soak.origin import Origin
from tests.soak.tiers import Fleet, Tier
from tests.soak.viewer import Crowd, Viewer
from tests.soak.wire import Broken, Misframed


class Operator:
    """Does one thing after the other until the soak is over."""

    def __init__(self, crowd: Crowd, fleet: Fleet, origin: Origin, rng: random.Random) -> None:
        self.crowd = crowd
        self.fleet = fleet
        self.origin = origin
        self.rng = rng
        self._names = sorted(name for name in crowd.model.things if "/herd" not in name)
        self._herd_names = sorted(set(crowd.model.things) - set(self._names))
        self._herds = 0

    async def publishes(self) -> None:
        """New versions, some with a purge right after."""
        while not self.crowd.ended:
            name = self.rng.choice(self._names)
            self.crowd.model.changed(name, self.crowd.now())
            self.crowd.count["versions"] += 1
            if self.rng.random() < 0.2:
                await self._purge({"urls": [self._url(name)]}, Purge(0, 0, names=frozenset([name])))
            await asyncio.sleep(self.rng.random() / 5)

    async def purges(self) -> None:
        """By URL, prefix, surrogate key and all; soft and hard."""
        rng = self.rng
        while not self.crowd.ended:
            await self._waits(rng.random())
            name, soft, doing = rng.choice(self._names), rng.random() < 0.4, rng.random()
            if doing < 0.8:
                names = rng.sample(self._names, rng.randrange(1, 4))
                purge = Purge(0, 0, soft, names=frozenset(names))
                await self._purge({"urls": [self._url(one) for one in names], "soft": soft}, purge)
            elif doing < 0.87:
                prefix = name.rpartition("/")[0] + "/"
                await self._purge(
                    {"prefixes": [self._url(prefix)], "soft": soft}, Purge(0, 0, soft, prefixes=(prefix,))
                )
            elif doing < 0.99:
                key = rng.choice(self.crowd.model.things[name].keys)
                await self._purge({"keys": [key], "soft": soft}, Purge(0, 0, soft, keys=frozenset([key])))
            else:
                await self._purge({"all": True, "soft": soft}, Purge(0, 0, soft, everything=True))

    def _url(self, name: str) -> str:
        return f"http://{name}" if self.crowd.general else f"/cdn/eu/{name}"

    async def _purge(self, body: dict[str, object], purge: Purge) -> None:
        """Innermost tier first; only when every tier has given its receipt does it count."""
        sent = self.crowd.now()
        if not all(tier.up for tier in self.fleet.all):
            return
        if purge.soft:
            self.crowd.model.softened.append(purge)
        try:
            for tier in self.fleet.all:
                await tier.asks("POST", "/purge", body)
        except (Broken, Misframed) as error:
            if all(tier.up for tier in self.fleet.all):
                self.crowd.wrongs.append((self._names[0], f"a purge was not answered: {error}"))
            return
        made = Purge(sent, self.crowd.now(), purge.soft, purge.names, purge.prefixes, purge.keys, purge.everything)
        self.crowd.model.purges.append(made)
        self.crowd.count["purges"] += 1

    async def makes_weather(self) -> None:
        """Calm for most of the time; then a storm of faults, or the origin is gone for a while."""
        rng = self.rng
        while not self.crowd.ended:
            self.origin.faults = rng.choice((0.0, 0.0, 0.01, 0.03))
            await self._waits(1 + rng.random() * 4)
            if rng.random() < 0.6:
                self.origin.faults = rng.choice((0.2, 0.6))
                await self._waits(rng.random() * 2)
            else:
                await self._outage()

    async def _outage(self) -> None:
        made = self.crowd.model.fault(self.crowd.now(), None, "origin down")
        await self.origin.close()
        await self._waits(self.rng.random() * 3)
        await self.origin.open()
        made.ended = self.crowd.now()
        self.crowd.count["outages"] += 1

    async def _waits(self, seconds: float) -> None:
        until = self.crowd.now() + seconds
        while self.crowd.now() < until and not self.crowd.ended:
            await asyncio.sleep(0.05)

    # -- crashes -----------------------------------------------------------------------------------------------

    async def kills(self, every: float) -> None:
        """kill -9 (or SIGTERM) and start again on the same folder; sometimes with damaged files."""
        while not self.crowd.ended:
            await self._waits(every * (0.5 + self.rng.random()))
            if not self.crowd.ended:
                await self._restart(self.rng.choice(self.fleet.all))

    async def _restart(self, tier: Tier) -> None:
        made = self.crowd.model.fault(self.crowd.now(), None, f"{tier.name} killed")
        await tier.kill()
        if self.rng.random() < 0.5 and tier.cache.exists():
            self.crowd.count["files damaged"] += damage(tier.cache, self.rng)
        try:
            await tier.start()
        except RuntimeError as error:
            self.crowd.wrongs.append((self._names[0], str(error)))
            self.crowd.ended = True
        made.ended = self.crowd.now()
        self.crowd.count["kills"] += 1

    # -- herds -------------------------------------------------------------------------------------------------

    async def herds(self) -> None:
        """Many at once for one key that nobody has asked for yet: the origin is asked once."""
        while not self.crowd.ended and self._herds < len(self._herd_names):
            await self._waits(1 + self.rng.random() * 2)
            name = self._herd_names[self._herds]
            self._herds += 1
            began = self.crowd.now()
            viewers = [Viewer(f"herd{self._herds}-{n}", self.crowd, random.Random(n)) for n in range(20)]
            await asyncio.gather(*(self._one_of_a_herd(viewer, name) for viewer in viewers))
            asked, now = self.origin.asked_for.get(name, 0), self.crowd.now()
            most = 1 if self.fleet.inner else len(self.fleet.edges)
            if asked > most and not self.crowd.model.troubled(name, began, now) and not self._purged(name, began):
                self.crowd.wrongs.append(
                    (name, f"{len(viewers)} at once for a cold key: the origin was asked {asked} times")
                )
            self.crowd.count["herds"] += 1

    async def _one_of_a_herd(self, viewer: Viewer, name: str) -> None:
        wire = await viewer.connect()
        if wire is not None:
            await viewer.asks(viewer.ask(name), wire=wire)
            wire.close()

    def _purged(self, name: str, since: float) -> bool:
        thing = self.crowd.model.things[name]
        return any(p.receipt >= since and p.reaches(thing) for p in self.crowd.model.purges) or (
            self.crowd.model.version(name) > 0
        )


def damage(folder: Path, rng: random.Random) -> int:
    """Flip bits, cut, remove, add junk; how many files."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    chosen = rng.sample(files, min(len(files), max(1, len(files) // 5)))
    for path in chosen:
        data = bytearray(path.read_bytes())
        match rng.choice(("flip", "flip", "flip", "cut", "empty", "junk", "gone")):
            case "flip" if data:
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
                path.write_bytes(data)
            case "cut":
                path.write_bytes(data[: rng.randrange(len(data) + 1)])
            case "empty":
                path.write_bytes(b"")
            case "junk":
                path.write_bytes(rng.randbytes(5000))
                (path.parent / f"junk-{rng.randrange(1000)}").write_bytes(b"junk")
            case _:
                path.unlink()
    return len(chosen)
