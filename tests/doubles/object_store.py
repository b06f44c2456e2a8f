"""Object stores that fail on demand, and the files that a folder store holds."""

from kernel.store_faults import StoreFault
from origin.stores.object_store import StoreFailed


class WrappedStore:
    """An object store that passes everything on; `before(method, key)` may raise, or await a gate, first."""

    def __init__(self, store):
        self.store = store
        self.name = store.name
        self.calls = []

    async def before(self, method, key):
        self.calls.append((method, key))

    async def put(self, key, data, *, only_if=None):
        await self.before("put", key)
        return await self.store.put(key, data, only_if=only_if)

    async def put_stream(self, key, pieces):
        await self.before("put_stream", key)
        await self.store.put_stream(key, pieces)

    async def get(self, key):
        await self.before("get", key)
        return await self.store.get(key)

    async def info(self, key):
        await self.before("info", key)
        return await self.store.info(key)

    async def read(self, key, first, stop):
        await self.before("read", key)
        return await self.store.read(key, first, stop)

    async def read_some(self, key, first, stop):
        await self.before("read", key)
        return await self.store.read_some(key, first, stop)

    def fits(self, stored, size):
        return self.store.fits(stored, size)

    async def folders(self, prefix):
        await self.before("list", prefix)
        return await self.store.folders(prefix)

    async def list(self, prefix, *, in_all=False):
        await self.before("list", prefix)
        async for info in self.store.list(prefix, in_all=in_all):
            yield info

    async def delete(self, keys):
        for key in (keys := list(keys)):
            await self.before("delete", key)
        await self.store.delete(keys)

    async def make_durable(self, keys):
        await self.before("make_durable", "")
        await self.store.make_durable(keys)

    async def check(self):
        await self.before("check", "")
        await self.store.check()


class DownStore(WrappedStore):
    """Does not answer while `down`; afterwards it does."""

    down = True

    async def before(self, method, key):
        await super().before(method, key)
        if self.down:
            raise StoreFailed(StoreFault.UNAVAILABLE, f"the store failed while reading {key}: it does not answer")


class FaultyStore(WrappedStore):
    """Fails at the change number `at`, and at all after it, by raising `error`."""

    def __init__(self, store, at, error):
        super().__init__(store)
        self.left, self.error = at, error

    async def before(self, method, key):
        await super().before(method, key)
        if method in ("put", "put_stream", "make_durable", "delete"):
            self.left -= 1
            if self.left < 0:
                raise self.error


class FullStore(WrappedStore):
    """Has room for so many more objects below `media/`, and for records, which are small."""

    def __init__(self, store, room):
        super().__init__(store)
        self.room = room

    async def before(self, method, key):
        await super().before(method, key)
        if method.startswith("put") and key.startswith("media/"):
            self.room -= 1
            if self.room < 0:
                raise StoreFailed(StoreFault.FULL, f"the store failed while writing {key}: the disk is full")


def files_of(folder):
    """The keys of the objects in a folder store."""
    files = {one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file()}
    return files - {".lock"}


def stored_file(folder, content_id, path, publication=1):
    """The file that holds an object of a publication in a folder store."""
    [found] = folder.glob(f"media/{content_id}/publication-{publication}-*/{path}")
    return found
