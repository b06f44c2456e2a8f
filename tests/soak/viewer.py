"""Viewers: they ask in every way there is and check every byte they get."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

from kernel.http.dates import format_date
from tests.soak.check import LAST_MODIFIED_BASE, Ask, Checker, Range, Wrong
from tests.soak.clock import Now
from tests.soak.model import Model
from tests.soak.things import Thing
from tests.soak.tiers import Tier
from tests.soak.wire import Broken, Misframed, Wire

PATIENCE = 15.0
"""Seconds in which every head must come, and after which a body must not stand still."""
KEPT = 1.5
"""Seconds for which a connection is used again."""


class Crowd:
    """What all viewers of a world share."""

    def __init__(self, model: Model, edges: list[Tier], now: Now, *, general: bool) -> None:
        self.model = model
        self.edges = edges
        self.now = now
        self.general = general
        self.count: Counter[str] = Counter()
        self.wrongs: list[tuple[str, str]] = []
        self.ended = False

    def wrong(self, ask: Ask, what: str) -> None:
        self.wrongs.append((ask.name, f"{self.now():.3f} {ask}, sent {ask.sent:.3f}: {what}"))
        self.model.note(ask.name, self.now(), f"WRONG {what}")


class Viewer:
    """One viewer with one connection; deterministic by his seed, as far as the others let him."""

    def __init__(self, who: str, crowd: Crowd, rng: random.Random) -> None:
        self.who = who
        self.crowd = crowd
        self.rng = rng
        self._names = sorted(name for name in crowd.model.things if "/herd" not in name)
        self._number = 0
        self._wire: Wire | None = None
        self._used = 0.0

    async def run(self) -> None:
        """Ask until the soak is over."""
        rng = self.rng
        while not self.crowd.ended:
            doing = rng.random()
            if doing < 0.04:
                await self.pipelines(rng.randrange(2, 7))
            elif doing < 0.07:
                await self.leaves()
            elif doing < 0.09:
                await self.reads_slowly()
            else:
                await self.asks(self.any_ask())
            await asyncio.sleep(rng.choice((0, 0, 0.005, 0.05)))
        self._drop()

    # -- what is asked -----------------------------------------------------------------------------------------

    def any_name(self) -> str:
        """Some names are asked for much more than others."""
        return self._names[int(len(self._names) * self.rng.random() ** 2.5)]

    def ask(self, name: str, method: str = "GET") -> Ask:
        self._number += 1
        made = Ask(name, f"{self.who}-{self._number}", method)
        thing = self.crowd.model.things[name]
        if self.crowd.general and self.rng.random() < 0.5:
            made.fields["Accept-Language"] = self.rng.choice(("de", "fr"))
        if thing.vary:
            made.tongue = made.fields.get("Accept-Language", "")
        if thing.unshared == "authorization":
            made.fields["Authorization"] = f"Basic {self.who}"
        return made

    def any_ask(self) -> Ask:
        rng, name = self.rng, self.any_name()
        thing = self.crowd.model.things[name]
        doing = rng.random()
        if doing < 0.1:
            return self.ask(name, "HEAD")
        if doing < 0.12 and self.crowd.general:
            return self.ask(name, "POST")
        made = self.ask(name)
        if doing < 0.35:
            made.ranges = self.any_ranges(thing)
            told = ", ".join(f"{'' if a is None else a}-{'' if b is None else b}" for a, b in made.ranges)
            made.fields["Range"] = f"bytes={told}"
            if rng.random() < 0.3:
                made.fields["If-Range"] = thing.tag(self.any_label(name)) or '"nothing"'
        elif doing < 0.47:
            self.add_condition(made, thing)
        elif doing < 0.5:
            made.minor = 0
        return made

    def any_label(self, name: str) -> str:
        return f"v{max(0, self.crowd.model.version(name) - self.rng.choice((0, 0, 0, 1, 2)))}"

    def any_ranges(self, thing: Thing) -> tuple[Range, ...]:
        rng, length = self.rng, max(1, thing.size)
        points = (0, 1, length // 2, length - 1, length, 65536, 1 << 20, (1 << 20) + 1, rng.randrange(length + 1))

        def one() -> Range:
            first = min(rng.choice(points), length + 10)
            doing = rng.random()
            if doing < 0.2:
                return (None, rng.choice((1, 10, length // 3 + 1, length * 2)))
            if doing < 0.4:
                return (first, None)
            return (first, first + rng.choice((0, 1, 100, 65535, 65536, 1 << 20, 3 << 20)))

        if rng.random() < 0.85 or thing.size > 4 << 20:
            return (one(),)
        step = length // 3 + 1
        return tuple((n * step, n * step + rng.randrange(1, step + 1) - 1) for n in range(rng.randrange(2, 4)))

    def add_condition(self, ask: Ask, thing: Thing) -> None:
        if thing.last_modified and self.rng.random() < 0.3:
            moment = LAST_MODIFIED_BASE + int(self.any_label(ask.name)[1:])
            ask.fields["If-Modified-Since"] = format_date(moment).decode()
        else:
            tags = [f'"{self.any_label(ask.name)}"' for _ in range(self.rng.randrange(1, 4))]
            ask.fields["If-None-Match"] = self.rng.choice((", ".join(tags), "W/" + tags[0]))

    def bytes_of(self, ask: Ask) -> bytes:
        """The request on the wire."""
        if self.crowd.general:
            host, _, path = ask.name.partition("/")
            target = "/" + path
        else:
            host, target = "edge.test", f"/cdn/{self.rng.choice(('eu', 'us'))}/{ask.name}"
            target += self.rng.choice(("", "", "", f"?CMCD=sid%3D{self.who}"))
        lines = [f"{ask.method} {target} HTTP/1.{ask.minor}", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in ask.fields.items()]
        if ask.method == "POST":
            lines.append("Content-Length: 0")
        return "".join(f"{line}\r\n" for line in (*lines, "")).encode()

    # -- asking ------------------------------------------------------------------------------------------------

    async def connect(self, *, narrow: bool = False) -> Wire | None:
        """A connection to any edge that is up; None when there is none."""
        up = [edge for edge in self.crowd.edges if edge.up]
        if not up:
            await asyncio.sleep(0.05 + self.rng.random() / 10)
            return None
        try:
            return await Wire.to("127.0.0.1", self.rng.choice(up).port, narrow=narrow)
        except Broken:
            return None  # it is being killed just now; were it not, readiness is asked for all the time

    def _drop(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    async def asks(self, ask: Ask, *, wire: Wire | None = None) -> str:
        """One request and its whole answer, checked; the label of what came, "" when nothing did."""
        own = wire is None
        if own:
            if self._wire is not None and (not self._wire.usable or self.crowd.now() - self._used > KEPT):
                self._drop()
            if self._wire is None:
                self._wire = await self.connect()
            wire = self._wire
        if wire is None:
            return ""
        ask.sent = self.crowd.now()
        wire.send(self.bytes_of(ask))
        label = await self.hears(ask, wire)
        if own:
            self._used = self.crowd.now()
            if wire.usable and wire.surplus:
                self.crowd.wrong(ask, f"bytes after the answer: {wire.surplus[:80]!r}")
                self._drop()
            elif self.rng.random() < 0.1 or ask.minor == 0:
                self._drop()
        return label

    async def hears(self, ask: Ask, wire: Wire, *, pause: float = 0.0, most: int | None = None) -> str:
        """The answer to a request that was sent: checked. `most`: bytes after which the viewer leaves."""
        crowd = self.crowd
        checker = Checker(crowd.model, ask, crowd.count)
        crowd.count["requests"] += 1
        got = 0
        try:
            async with asyncio.timeout(PATIENCE) as patience:
                head = await wire.head()
                checker.head(head, crowd.now(), crowd.now.wall())
                async for piece in wire.body(head, head_only=ask.method == "HEAD"):
                    checker.body(piece)
                    got += len(piece)
                    patience.reschedule(asyncio.get_running_loop().time() + PATIENCE)
                    if most is not None and got >= most:
                        return self._left(ask, wire, got)
                    if pause:
                        await asyncio.sleep(pause)
                checker.end(crowd.now())
        except Broken as error:
            self._fell(ask, wire, checker, str(error))
            return ""
        except TimeoutError:
            self._fell(ask, wire, checker, None)
            return ""
        except (Wrong, Misframed) as error:
            crowd.wrong(ask, str(error))
            wire.close()
            return ""
        told = f"{checker.status} {checker.label} {got} bytes to {ask}, sent {ask.sent:.3f}"
        crowd.model.note(ask.name, crowd.now(), f"{told}; {head.get('cache-status')}")
        return checker.label

    def _left(self, ask: Ask, wire: Wire, got: int) -> str:
        self.crowd.count["left"] += 1
        self.crowd.model.note(ask.name, self.crowd.now(), f"left after {got} bytes: {ask}")
        wire.close()
        return ""

    def _fell(self, ask: Ask, wire: Wire, checker: Checker, why: str | None) -> None:
        """It broke off, or (`why` None) stood still."""
        wire.close()
        try:
            if why is None:
                raise Wrong(f"nothing came for {PATIENCE} s")
            checker.cut(self.crowd.now(), why)
        except Wrong as error:
            self.crowd.wrong(ask, str(error))
        else:
            self.crowd.model.note(ask.name, self.crowd.now(), f"cut: {ask}")

    # -- unusual viewers ---------------------------------------------------------------------------------------

    async def pipelines(self, number: int) -> None:
        """Several requests at once on one connection: answered in order (RFC 9112 §9.3.2)."""
        wire = await self.connect()
        if wire is None:
            return
        asks = [self.ask(self.any_name()) for _ in range(number)]
        for ask in asks:
            ask.sent = self.crowd.now()
        wire.send(b"".join(map(self.bytes_of, asks)))
        for ask in asks:
            await self.hears(ask, wire)
            if not wire.usable:
                break
        self.crowd.count["pipelined"] += number
        wire.close()

    async def leaves(self) -> None:
        """In the middle of a body, or before there is one."""
        wire = await self.connect()
        if wire is None:
            return
        ask = self.ask(self.any_name())
        ask.sent = self.crowd.now()
        wire.send(self.bytes_of(ask))
        if self.rng.random() < 0.3:
            await asyncio.sleep(self.rng.random() / 20)
            wire.close()
        else:
            await self.hears(ask, wire, most=self.rng.choice((1, 1000, 70_000, 500_000)))
            wire.close()

    async def reads_slowly(self) -> None:
        """A small window and a pause after each piece; he leaves at some point."""
        wire = await self.connect(narrow=True)
        if wire is None:
            return
        ask = self.ask(self.any_name())
        ask.sent = self.crowd.now()
        wire.send(self.bytes_of(ask))
        await self.hears(ask, wire, pause=0.02, most=self.rng.choice((200_000, 1_000_000)))
        wire.close()
