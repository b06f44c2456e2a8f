"""The segment cache: peek, fill, load, purge, stats. The one door to the tiers.

Everything here runs on the loop, in one thread; only the plain disk functions of `disk.py` run elsewhere, by
`offload`. An entry in the index has its body in RAM, on disk, on its way to disk, or in several of these places.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from cache.body import FILE_LEAST, Body, view
from cache.collapse import Filling
from cache.counts import CacheCounts
from cache.disk import DiskTier
from cache.disk_file import Damaged
from cache.entry import Entry
from cache.fill import Fill
from cache.index import Index, PurgeRequest
from cache.loads import Load, Loads
from cache.misses import Misses
from cache.ram import RamTier
from cache.workshop import Workshop
from kernel.clock import Clock, Instant
from kernel.errors import StorageFailed
from kernel.http.freshness import Verdict
from kernel.http.message import Fields

__all__ = ["CacheCounts", "PurgeRequest", "SegmentCache", "Workshop"]

MOST_WRITING = 64 << 20
"""Bytes on their way to disk at a time; beyond it objects stay in RAM only."""
PURGE_STEP = 500
"""Objects purged before the loop may turn to hits again."""


class SegmentCache:
    """See the module. `disk` None: RAM only. `files`: large bodies in RAM are open files, to be sent by `sendfile`:
    those of the disk tier where there is one."""

    def __init__(
        self, ram: RamTier, disk: DiskTier | None, clock: Clock, workshop: Workshop, *, files: bool = False
    ) -> None:
        self.ram = ram
        self.disk = disk
        self.files = files
        self.clock = clock
        self.counts = CacheCounts()
        self.filling, self._index = Filling(), Index()
        self.ended = self.filling.ended
        self._workshop = workshop
        self.stored = self._index.get  # all that is stored under a key
        self.peek = self._index.peek  # the look-up of every request, without a call between
        self.alternates = self._index.get
        self._misses = Misses()
        self._writing: dict[Entry, Body] = {}
        self._written: dict[Entry, asyncio.Future[None]] = {}
        self._writing_bytes, self._most_writing = 0, min(MOST_WRITING, disk.largest if disk is not None else 0)
        self._leaving: dict[str, None] = {}
        self._loads = Loads()

    # -- look up -----------------------------------------------------------------------------------------------

    def touch(self, entry: Entry) -> None:
        """The entry served a viewer."""
        if entry.body is not None:
            self.ram.touch(entry)
        elif self.disk is not None:
            self.disk.touch(entry)

    def load(self, entry: Entry, done: Callable[[Body | None], object]) -> None:
        """Bring a body from disk; `done(body)` on the loop, None when it cannot be had (the entry is then gone)."""
        if entry.body is not None or entry in self._writing:
            done(entry.body if entry.body is not None else self._writing[entry])
            return
        if entry.disk is None or self.disk is None:
            self._forget(entry)
            done(None)
            return
        self.disk.touch(entry)  # a request of the disk tier; in RAM the object is new and must be asked for again
        self._loads.ask(entry, done)
        self._next_load()

    def _next_load(self) -> None:
        while (load := self._loads.next()) is not None:
            self._workshop.spawn(self._load(load))

    async def _load(self, load: Load) -> None:
        entry = load.entry
        disk, name = self.disk, entry.disk
        body: Body | None = None
        self.counts.loads += 1
        try:
            if disk is not None and name is not None:
                now = self.clock.mono()
                body = await self._workshop.offload(lambda: disk.read_body(name, entry.key, now, files=self.files))
                disk.errors = 0
        except Damaged:
            if entry.disk is not None:  # else it was purged or evicted meanwhile: no damage
                self.counts.disk_damaged += 1
                self.forget(entry)
        except StorageFailed:
            self.counts.disk_failed += 1
            if disk is not None:
                disk.failed()
            self.forget(entry)
        finally:
            waiters = self._loads.ended(load)
            if body is not None and entry.disk is not None and self.ram.takes(entry.cost):
                self._leave_ram(self.ram.put(entry, body))
            for done in waiters:
                done(body)
            self._next_load()

    async def warmed(self, entry: Entry) -> bool:
        """Have fields and validators of a stored entry at hand; False when they cannot be had (the entry is gone)."""
        return not entry.cold

    def sound(self, entry: Entry, body: Body, now: float) -> bool:
        """Whether a body in RAM may be sent as it is; what is not leaves RAM, so that `load` reads and checks it."""
        if isinstance(body, bytes) or body.sound(now):
            return True
        self.ram.drop(entry)
        if entry.disk is None:
            self.forget(entry)
        return False

    # -- fill --------------------------------------------------------------------------------------------------

    def begin(self, key: bytes, stale: Entry | None = None, request: Mapping[bytes, bytes] | None = None) -> Fill:
        """A new fill that others may find by its key; `request`: the fields that tell which alternate it asks for."""
        fill = Fill(key, self.clock.mono(), stale, request)
        self.filling.begin(fill)
        return fill

    def takes(self, cost: int) -> bool:
        """Whether any tier would keep an object of this cost."""
        return self.ram.takes(cost) or (self.disk is not None and self.disk.takes(cost))

    def store(self, entry: Entry, body: Body) -> bool:
        """Keep a whole response, in place of the alternate it replaces; False when no tier has room for it."""
        entry.length = len(body)
        self._misses.forget(entry.key)
        in_ram, disk = self.ram.takes(entry.cost), self.disk
        room = disk is not None and disk.takes(entry.cost) and self._writing_bytes + entry.cost <= self._most_writing
        self.counts.disk_skipped += disk is not None and not room
        to_disk = room and disk is not None and disk.admits(entry)
        if not in_ram and not to_disk:
            return False
        self._enter(entry)
        if to_disk:
            self._writing[entry] = body
            self._writing_bytes += entry.cost
            self._workshop.spawn(self._write(entry, body, entry.cost))
        if in_ram:
            self._leave_ram(self.ram.put(entry, body))
        return True

    async def settled(self, entry: Entry) -> None:
        """Until a stored entry is no longer on its way to disk, however that ended: at once where it never was."""
        if entry in self._writing:
            await asyncio.wait([self._end_of_write(entry)])

    def _end_of_write(self, entry: Entry) -> asyncio.Future[None]:
        return self._written.setdefault(entry, asyncio.get_running_loop().create_future())

    async def _write(self, entry: Entry, body: Body, cost: int) -> None:
        """`cost` was counted at the start: a 304 meanwhile may change the entry's."""
        disk, written = self.disk, False
        if disk is None:
            return
        name = disk.new_name(entry.key)
        head = entry.to_disk(Instant(self.clock.wall(), self.clock.mono()))
        try:
            await self._unlink(self._leave_disk(disk.make_room(self._writing_bytes)))
            await self._workshop.offload(lambda: disk.write(name, head, view(body, 0, len(body))))
            written = True
            disk.errors = 0
        except StorageFailed:
            self.counts.disk_failed += 1
            disk.failed()
        finally:
            self._writing_bytes -= cost
            del self._writing[entry]
            try:
                await self._unlink(self._wrote(disk, entry, name) if written else [])
            finally:
                if not written and entry.body is None:
                    self._forget(entry)
                waited_for = self._written.pop(entry, None)
                if waited_for is not None and not waited_for.done():
                    waited_for.set_result(None)

    def _wrote(self, disk: DiskTier, entry: Entry, name: str) -> list[str]:
        """Books of a file that is there now; the files that have to go: its own when it was purged or replaced."""
        if not self._index.holds(entry):
            return [name]
        self.counts.disk_written += 1
        self.counts.disk_written_bytes += entry.cost
        if self.files and entry.body is not None and len(entry.body) >= FILE_LEAST:
            entry.body = disk.written_body(name, len(entry.body), self.clock.mono()) or entry.body
        return self._leave_disk(disk.put(entry, name, self._writing_bytes))

    def remember_miss(self, key: bytes, seconds: float) -> None:
        """The answer may not be shared: whoever asks in the next seconds goes alone (hit-for-miss)."""
        self._misses.remember(key, self.clock.mono() + seconds)

    def goes_alone(self, key: bytes, now: float) -> bool:
        """Whether an answer for this key lately was not for sharing."""
        return self._misses.holds(key, now)

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
        if (name := self._forget(entry)) is not None:
            self._leaving[name] = None
            self._workshop.spawn(self._unlink([name]))

    def freshen(self, entry: Entry, fields: Fields, verdict: Verdict, *, doomed: bool) -> None:
        """A 304 said that the entry still holds. Asked for before a purge (`doomed`) it says nothing of now."""
        if doomed:
            return
        before = entry.surrogates
        entry.freshen(fields, verdict, self.clock.mono())
        if self._index.holds(entry):
            self._index.rekey(entry, before)

    async def _unlink(self, names: list[str]) -> None:
        disk = self.disk
        if disk is not None and names:
            self._leaving.update(dict.fromkeys(names))
            await self._workshop.offload(lambda: disk.unlink(names))
            for name in names:
                self._leaving.pop(name, None)

    def _enter(self, entry: Entry) -> None:
        for other in self._index.replaced_by(entry):
            self.forget(other)
        self._index.enter(entry)

    def _forget(self, entry: Entry) -> str | None:
        """Out of the index and both tiers; the file to unlink."""
        self._index.remove(entry)
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
        self.filling.purge(request)
        # A file that appears, or still lies there, after the receipt would come back at the next start.
        under_way = {self._end_of_write(e) for e in self._writing if request.reaches(e.key, e.surrogates)}
        gone, softened = list(self._leaving), list[Entry]()
        reached = 0
        for entries in self._index.reached(request, PURGE_STEP):
            reached += len(entries)
            for entry in entries:
                if request.soft:
                    entry.make_stale(self.clock.mono())
                    softened.append(entry)
                elif (name := self._forget(entry)) is not None:
                    gone.append(name)
            await asyncio.sleep(0)
        if under_way:
            await asyncio.wait(under_way)
        await self._purge_files(gone, softened)
        self.counts.purged += reached
        return reached

    async def _purge_files(self, gone: list[str], softened: list[Entry]) -> None:
        disk, stale = self.disk, [entry.disk for entry in softened if entry.disk is not None]
        if disk is not None and stale:
            await self._workshop.offload(lambda: disk.mark_stale(stale))
        await self._unlink(gone)

    # -- numbers -----------------------------------------------------------------------------------------------

    def stats(self) -> dict[str, int]:
        """The cache's part of GET /stats."""
        return {
            "ram_bytes": self.ram.used,
            "disk_bytes": self.disk.used if self.disk is not None else 0,
            "objects": len(self._index),
            "fills_running": len(self.filling),
        }
