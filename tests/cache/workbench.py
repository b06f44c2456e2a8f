"""What the cache's tests stand on: entries by a few words, and a workshop whose slow work the test holds back."""

import asyncio
from contextlib import contextmanager

from cache.cache import SegmentCache
from cache.disk.object_file import FileOf
from cache.disk.tier import DiskTier
from cache.entry import Entry
from cache.eviction.choice import POLICIES
from cache.ram import RamTier
from kernel.clock import Instant
from kernel.http.freshness import GENERAL, assess
from tests.doubles.clock import FakeClock

MIB = 1 << 20


class Shop:
    """`cache.tasks.Workshop`: work runs at once, on the loop's thread, unless the test holds it back."""

    def __init__(self):
        self.tasks = set()
        self.begun = 0
        self._held = None
        self._after = False

    def spawn(self, work):
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task):
        self.tasks.discard(task)
        task.result()

    async def offload(self, work):
        held, after = self._held, self._after
        self.begun += 1
        if held is not None and not after:
            await held.wait()
        done = work()
        if held is not None and after:
            await held.wait()
        return done

    @contextmanager
    def held(self, *, after=False):
        """Work begun in here waits until the end of it: before it is done, or (`after`) done but not yet told."""
        self._held, self._after = asyncio.Event(), after
        try:
            yield
        finally:
            self._held.set()
            self._held = None

    async def settle(self):
        """Until nothing is left to do."""
        while self.tasks:
            await asyncio.wait(tuple(self.tasks))


def at_once(work):
    """Run what waits for nothing but the workshop's threads."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits for something else")


def now_of(clock):
    return Instant(clock.wall(), clock.mono())


def response(clock, key, *fields, cc=b"max-age=60", request=None, status=200, length=None):
    """An entry as it arrives: `fields` beside Cache-Control `cc`."""
    pairs = [(b"cache-control", cc), *fields]
    request = request or {}
    wall = clock.wall()
    verdict = assess(b"GET", request, status, pairs, GENERAL, request_wall=wall, response_wall=wall)
    made = Entry(key, status, pairs, length)
    made.set_times(verdict, clock.mono())
    made.set_vary(request)
    return made


class Bench:
    """A cache with its clock and workshop. `folder` None: RAM only."""

    def __init__(self, folder=None, *, ram=MIB, disk=16 * MIB, policy="s3fifo", clock=None, files=False, walk=True):
        self.clock = clock or FakeClock()
        self.shop = Shop()
        self.disk_policy, self.ram_policy = POLICIES[policy](disk), POLICIES[policy](ram)
        self.disk = DiskTier(folder, disk, self.disk_policy) if folder is not None else None
        in_ram = RamTier(ram, self.ram_policy, alone=folder is None)
        self.cache = SegmentCache(in_ram, self.disk, self.clock, self.shop, files=files)
        if self.disk is not None:
            self.found = self.disk.open(now_of(self.clock))
            self.cache.adopt(self.found)
            if walk:
                at_once(self.cache.sweep_disk(self.found))

    def keep(self, key, body=b"x", *fields, **more):
        """Store a response; what the cache holds of it."""
        made = response(self.clock, key, *fields, **more)
        return made if self.cache.store(made, body) else None

    async def serve(self, key, request=None):
        """The body that a GET would get, from whichever tier; None on a miss."""
        entry = self.cache.peek(key, request or {})
        if entry is None:
            return None
        got = []
        self.cache.load(entry, got.append)
        await self.shop.settle()
        (body,) = got
        return body if body is None or isinstance(body, bytes) else bytes(body.view(0, len(body)))

    def fresh(self, key, request=None):
        """Whether a GET would be answered without asking the upstream."""
        entry = self.cache.peek(key, request or {})
        return entry is not None and self.clock.mono() < entry.fresh_until

    def wanted(self, entry):
        """Which file is read for an entry."""
        return FileOf(self.file(entry), entry.key, entry.vary)

    def file(self, entry):
        """The name of an entry's file."""
        return self.disk.file_name(entry.key, entry.disk)

    def cold(self, entry):
        """Out of RAM, and its head let go."""
        self.cache.ram.drop(entry)
        entry.release_head()

    async def evict_from_disk(self):
        """Evict the disk tier's next victim, and remove its file."""
        await self.cache.tiers.evict_from_disk([self.disk_policy.evict()])

    def unlink_victim(self):
        """The same without waiting, for tests that hold the workshop back."""
        self.disk.unlink(self.cache.tiers.drop_from_disk([self.disk_policy.evict()]))

    def files(self):
        """The files of the disk tier, objects' and newer heads'."""
        return sorted(path.name for path in (self.disk.folder / "objects").glob("*/*"))

    def end(self):
        """As a kill would: nothing is told to anybody, the lock is gone."""
        self.disk.close()


def spoilt(bench, entry, spoil):
    name = bench.file(entry)
    path = bench.disk.folder / "objects" / name[:2] / name
    raw = bytearray(path.read_bytes())
    spoil(path, raw)


def flip(path, raw):
    raw[len(raw) // 2] ^= 4
    path.write_bytes(raw)


def cut(path, raw):
    path.write_bytes(raw[: len(raw) // 2])


def junk(path, raw):
    path.write_bytes(b"junk" * 1000)


def another(path, raw):
    other = next(one for one in path.parents[1].glob("*/*") if one != path)
    path.write_bytes(other.read_bytes())


def gone(path, raw):
    path.unlink()
