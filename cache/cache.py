"""The segment cache: peek, fill, load, purge, stats. The one door to the tiers.

Everything here runs on the loop, in one thread; only the plain disk functions of `disk.py` run elsewhere, by
`offload`. An entry in the index has its body in RAM, on disk, on its way to disk, or in several of these places.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from cache.disk import DiskTier
from cache.disk_file import Damaged
from cache.entry import Entry
from cache.fill import Fill
from cache.fillstate import Event, State
from cache.ram import RamTier
from cache.surrogates import Surrogates
from kernel.clock import Clock, Instant
from kernel.errors import StorageFailed

T = TypeVar("T")
MOST_ALTERNATES = 16
"""Alternates kept of one cache key; the oldest leaves."""
MOST_MISSES_REMEMBERED = 10_000
MOST_WRITING = 64 << 20
"""Bytes on their way to disk at a time; beyond it objects stay in RAM only."""
MOST_LOADING = 256 << 20
"""Bytes on their way from disk at a time; beyond it loads wait in line."""
PURGE_STEP = 2_000
"""Objects purged before the loop may turn to hits again."""


class Workshop(Protocol):
    """Where the cache's slow work is done; the program owns tasks and threads."""

    def offload(self, work: Callable[[], T]) -> Awaitable[T]:
        """Run in a thread."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run as a task with an owner."""


@dataclass(slots=True)
class CacheCounts:
    """Plain numbers, read at scrape."""

    evicted_ram: int = 0
    evicted_disk: int = 0
    purged: int = 0
    disk_written: int = 0
    disk_written_bytes: int = 0
    disk_skipped: int = 0
    disk_failed: int = 0
    disk_damaged: int = 0
    loads: int = 0


@dataclass(frozen=True, slots=True)
class PurgeRequest:
    """What a purge reaches: the union of all of these. Keys are surrogate keys, urls and prefixes cache keys."""

    keys: tuple[bytes, ...] = ()
    urls: tuple[bytes, ...] = ()
    prefixes: tuple[bytes, ...] = ()
    everything: bool = False
    soft: bool = False

    def reaches(self, key: bytes, surrogates: Iterable[bytes]) -> bool:
        """Whether an object is meant."""
        if self.everything or key in self.urls or key.startswith(self.prefixes or (b"\0",)):
            return True
        return any(one in self.keys for one in surrogates)


@dataclass(slots=True)
class _Load:
    waiters: list[Callable[[bytes | None], object]] = field(default_factory=list)


class SegmentCache:
    """See the module. `disk` None: RAM only."""

    def __init__(self, ram: RamTier, disk: DiskTier | None, clock: Clock, workshop: Workshop) -> None:
        self.ram = ram
        self.disk = disk
        self.clock = clock
        self.counts = CacheCounts()
        self.filling: dict[bytes, Fill] = {}
        self._workshop = workshop
        self._index: dict[bytes, Entry | tuple[Entry, ...]] = {}
        self._surrogates = Surrogates()
        self._misses: OrderedDict[bytes, float] = OrderedDict()
        self._writing: dict[Entry, bytes] = {}
        self._written: dict[Entry, list[asyncio.Future[None]]] = {}
        self._writing_bytes = 0
        self._loads: dict[Entry, _Load] = {}
        self._loading_bytes = 0
        self._loads_in_line: OrderedDict[Entry, None] = OrderedDict()

    # -- look up -----------------------------------------------------------------------------------------------

    def peek(self, key: bytes, request: Mapping[bytes, bytes]) -> Entry | None:
        """The stored response for a request, fresh or not; among alternates the latest that matches."""
        found = self._index.get(key)
        if isinstance(found, Entry):
            return found if not found.vary or found.matches(request) else None
        if found is None:
            return None
        return next((entry for entry in reversed(found) if entry.matches(request)), None)

    def touch(self, entry: Entry) -> None:
        """The entry served a viewer."""
        if entry.body is not None:
            self.ram.touch(entry)
        elif self.disk is not None:
            self.disk.touch(entry)

    def load(self, entry: Entry, done: Callable[[bytes | None], object]) -> None:
        """Bring a body from disk; `done(body)` on the loop, None when it cannot be had (the entry is then gone)."""
        if entry.body is not None or entry in self._writing:
            done(entry.body if entry.body is not None else self._writing[entry])
            return
        if entry.disk is None or self.disk is None:
            self._forget(entry)
            done(None)
            return
        waiting = self._loads.get(entry)
        if waiting is not None:
            waiting.waiters.append(done)
            return
        self._loads[entry] = _Load([done])
        self._loads_in_line[entry] = None
        self._next_load()

    def _next_load(self) -> None:
        while self._loads_in_line and (self._loading_bytes == 0 or self._loading_bytes < MOST_LOADING):
            entry, _ = self._loads_in_line.popitem(last=False)
            self._loading_bytes += entry.cost
            self._workshop.spawn(self._load(entry))

    async def _load(self, entry: Entry) -> None:
        disk, name, body = self.disk, entry.disk, None
        self.counts.loads += 1
        try:
            if disk is not None and name is not None:
                body = await self._workshop.offload(lambda: disk.read(name, entry.key))
                disk.errors = 0
        except Damaged:
            self.counts.disk_damaged += 1
            self._forget(entry)
        except StorageFailed:
            self.counts.disk_failed += 1
            if disk is not None:
                disk.failed()
            self._forget(entry)
        finally:
            self._loading_bytes -= entry.cost
            waiters = self._loads.pop(entry).waiters
            if body is not None and entry.disk is not None and self.ram.takes(entry.cost):
                self._leave_ram(self.ram.put(entry, body))
            for done in waiters:
                done(body)
            self._next_load()

    # -- fill --------------------------------------------------------------------------------------------------

    def begin(self, key: bytes, stale: Entry | None = None) -> Fill:
        """A new fill that others may find by its key, in place of one that is doomed."""
        fill = self.filling[key] = Fill(key, self.clock.mono(), stale)
        return fill

    def ended(self, fill: Fill) -> None:
        """The fill is over, however: nobody finds it any more."""
        if self.filling.get(fill.key) is fill:
            del self.filling[fill.key]

    def takes(self, cost: int) -> bool:
        """Whether any tier would keep an object of this cost."""
        return self.ram.takes(cost) or (self.disk is not None and self.disk.takes(cost))

    def store(self, entry: Entry, body: bytes) -> bool:
        """Keep a whole response, in place of the alternate it replaces; False when no tier has room for it."""
        entry.length = len(body)
        self._misses.pop(entry.key, None)
        in_ram, disk = self.ram.takes(entry.cost), self.disk
        to_disk = disk is not None and disk.takes(entry.cost) and self._writing_bytes + entry.cost <= MOST_WRITING
        if not in_ram and not to_disk:
            self.counts.disk_skipped += disk is not None
            return False
        self._enter(entry)
        if to_disk:
            self._writing[entry] = body
            self._writing_bytes += entry.cost
            self._workshop.spawn(self._write(entry, body))
        elif disk is not None:
            self.counts.disk_skipped += 1
        if in_ram:
            self._leave_ram(self.ram.put(entry, body))
        return True

    async def _write(self, entry: Entry, body: bytes) -> None:
        disk = self.disk
        if disk is None:
            return
        name = disk.new_name(entry.key)
        head = entry.to_disk(Instant(self.clock.wall(), self.clock.mono()))
        gone: list[str] = []
        written = False
        try:
            await self._workshop.offload(lambda: disk.write(name, head, body))
            written = True
            disk.errors = 0
        except StorageFailed:
            self.counts.disk_failed += 1
            disk.failed()
        finally:
            self._writing_bytes -= entry.cost
            del self._writing[entry]
            for waiter in self._written.pop(entry, ()):
                if not waiter.done():
                    waiter.set_result(None)
            if written and self._holds(entry):
                self.counts.disk_written += 1
                self.counts.disk_written_bytes += entry.cost
                gone = self._leave_disk(disk.put(entry, name))
            elif written:
                gone = [name]
            elif entry.body is None:
                self._forget(entry)
        if gone:
            await self._workshop.offload(lambda: disk.unlink(gone))

    def remember_miss(self, key: bytes, seconds: float) -> None:
        """The answer may not be shared: whoever asks in the next seconds goes alone (hit-for-miss)."""
        self._misses[key] = self.clock.mono() + seconds
        self._misses.move_to_end(key)
        if len(self._misses) > MOST_MISSES_REMEMBERED:
            self._misses.popitem(last=False)

    def goes_alone(self, key: bytes, now: float) -> bool:
        """Whether an answer for this key lately was not for sharing."""
        until = self._misses.get(key)
        return until is not None and until > now

    # -- the index ---------------------------------------------------------------------------------------------

    def adopt(self, entries: Iterable[Entry]) -> None:
        """Take in what the disk tier found at start, oldest first."""
        gone: list[str] = []
        for entry in entries:
            self._enter(entry)
            if self.disk is not None and entry.disk is not None:
                gone += self._leave_disk(self.disk.put(entry, entry.disk))
        if gone and self.disk is not None:
            self.disk.unlink(gone)

    def forget(self, entry: Entry) -> None:
        """Drop an entry that a newer response has made invalid."""
        name = self._forget(entry)
        disk = self.disk
        if name is not None and disk is not None:
            self._workshop.spawn(self._unlink([name]))

    async def _unlink(self, names: list[str]) -> None:
        disk = self.disk
        if disk is not None and names:
            await self._workshop.offload(lambda: disk.unlink(names))

    def _holds(self, entry: Entry) -> bool:
        found = self._index.get(entry.key)
        return found is entry or (isinstance(found, tuple) and entry in found)

    def _enter(self, entry: Entry) -> None:
        found = self._index.get(entry.key)
        old = (found,) if isinstance(found, Entry) else found or ()
        same = [other for other in old if other.vary == entry.vary or not (other.vary and entry.vary)]
        kept = [other for other in old if other not in same]
        for other in same + kept[: max(0, len(kept) - MOST_ALTERNATES + 1)]:
            self.forget(other)
        kept = kept[max(0, len(kept) - MOST_ALTERNATES + 1) :]
        self._index[entry.key] = (*kept, entry) if kept else entry
        self._surrogates.add(entry.key, entry.surrogates)

    def _forget(self, entry: Entry) -> str | None:
        """Out of the index and both tiers; the file to unlink."""
        found = self._index.get(entry.key)
        if found is entry:
            del self._index[entry.key]
            self._surrogates.discard(entry.key, entry.surrogates)
        elif isinstance(found, tuple) and entry in found:
            rest = tuple(other for other in found if other is not entry)
            self._index[entry.key] = rest[0] if len(rest) == 1 else rest
            self._surrogates.discard(entry.key, entry.surrogates)
            for other in rest:
                self._surrogates.add(other.key, other.surrogates)
        self.ram.drop(entry)
        return self.disk.drop(entry) if self.disk is not None else None

    def _leave_ram(self, victims: list[Entry]) -> None:
        self.counts.evicted_ram += len(victims)
        for victim in victims:
            if victim.disk is None and victim not in self._writing:
                self._forget(victim)

    def _leave_disk(self, victims: list[Entry]) -> list[str]:
        self.counts.evicted_disk += len(victims)
        names = [victim.disk for victim in victims if victim.disk is not None]
        for victim in victims:
            victim.disk = None
            if victim.body is None:
                self._forget(victim)
        return names

    # -- purge -------------------------------------------------------------------------------------------------

    async def purge(self, request: PurgeRequest) -> int:
        """Remove (hard) or mark stale (soft) what the request reaches; how many objects. Returns when it is done
        in every tier: a GET after it never gets the old bytes, a fill begun before it stores nothing."""
        for fill in tuple(self.filling.values()):
            known = fill.entry.surrogates if fill.entry is not None else request.keys
            if request.reaches(fill.key, known):
                self._doom(fill)
        reached, names = 0, []
        under_way: list[asyncio.Future[None]] = []
        softened: list[Entry] = []
        targets = self._targets(request)
        for at in range(0, len(targets), PURGE_STEP):
            for key in targets[at : at + PURGE_STEP]:
                found = self._index.get(key)
                entries = (found,) if isinstance(found, Entry) else found or ()
                for entry in entries:
                    if request.reaches(key, entry.surrogates):
                        reached += 1
                        if entry in self._writing:
                            under_way.append(self._when_written(entry))
                            softened += [entry] if request.soft else []
                        name = self._stale(entry) if request.soft else self._forget(entry)
                        names += [name] if name else []
            await asyncio.sleep(0)
        disk = self.disk
        if names and disk is not None:
            await self._workshop.offload(lambda: disk.mark_stale(names) if request.soft else disk.unlink(names))
        if under_way:
            await asyncio.wait(under_way)  # a file that appears after the receipt would come back at the next start
            late = [entry.disk for entry in softened if entry.disk is not None]
            if late and disk is not None:
                await self._workshop.offload(lambda: disk.mark_stale(late))
        self.counts.purged += reached
        return reached

    def _when_written(self, entry: Entry) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._written.setdefault(entry, []).append(future)
        return future

    def _targets(self, request: PurgeRequest) -> list[bytes]:
        if request.everything:
            return list(self._index)
        targets = {key for key in request.urls if key in self._index}
        for one in request.keys:
            targets |= self._surrogates.carrying(one)
        if request.prefixes:
            targets |= {key for key in self._index if key.startswith(request.prefixes)}
        return list(targets)

    def _stale(self, entry: Entry) -> str | None:
        entry.fresh_until = min(entry.fresh_until, self.clock.mono())
        entry.ready_at = -1
        return entry.disk

    def _doom(self, fill: Fill) -> None:
        if fill.state is State.FILLING:
            fill.pass_on(Event.PURGED)
        fill.doomed = True
        self.ended(fill)

    # -- numbers -----------------------------------------------------------------------------------------------

    def stats(self) -> dict[str, int]:
        """The cache's part of GET /stats."""
        return {
            "ram_bytes": self.ram.used,
            "disk_bytes": self.disk.used if self.disk is not None else 0,
            "objects": len(self._index),
            "fills_running": len(self.filling),
        }
