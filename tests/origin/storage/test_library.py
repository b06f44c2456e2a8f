"""The titles of a store: records and manifests, on a folder and on a bucket."""

import asyncio

import msgspec
import pytest

from kernel.store_faults import StoreFault
from origin.storage.library import Library
from origin.storage.records import title_key
from origin.stores.object_store import ABSENT, StoreFailed
from tests.doubles.object_store import WrappedStore


async def test_what_was_published_is_on_record(store, publish):
    """Each object with size and SHA-256; the title as given."""
    library = Library(store)
    title = await publish(library, "x", 1, {"v240/1.m4s": b"one", "v240/init.mp4": b""}, {"master.m3u8": b"top"})
    assert await library.title("x") == title
    assert await library.title("y") is None
    made = await library.current(title)
    assert [(one.path, one.size) for one in made.files] == [("v240/1.m4s", 3), ("v240/init.mp4", 0)]
    assert [len(one.digest) for one in made.objects()] == [64, 64, 64]
    assert [content_id async for content_id, _ in library.titles()] == ["x"]
    assert await library.is_whole(title)
    await store.delete([made.tops[0].key])
    assert not await library.is_whole(title)


async def test_damage_is_named(store, publish):
    """The key is in the message."""
    library = Library(store)
    await store.put("titles/x/title.json", b'{"contentId": 1}')
    with pytest.raises(StoreFailed, match=r"titles/x/title\.json in the store is damaged"):
        await library.title("x")
    title = await publish(library, "y", 1, {}, {"master.m3u8": b"top"})
    await store.delete([f"manifests/y/{title.publications[0].name}.json"])
    with pytest.raises(StoreFailed, match=r"manifests/y/1-.*\.json is missing") as failed:
        await library.current(title)
    assert failed.value.fault is StoreFault.MISSING


async def test_changes_of_a_title_at_once_are_all_kept(store, publish):
    """Each writer changes the record that the one before left."""
    library = Library(store)
    await publish(library, "x", 1, {}, {"master.m3u8": b"top"})

    async def note(name):
        await library.change_title(
            "x", lambda found: msgspec.structs.replace(found, metadata=found.metadata | {name: True})
        )

    await asyncio.gather(*(note(name) for name in "abc"))
    assert (await library.title("x")).metadata == {"a": True, "b": True, "c": True}


async def test_a_title_that_changes_all_the_time_is_given_up(store, publish):
    """Attempts are bounded."""

    class Restless(WrappedStore):
        async def before(self, method, key):
            if method == "put" and key == title_key("x"):
                await self.store.put(key, (await self.store.get(key)).data + b" ")

    library = Library(Restless(store))
    await publish(Library(store), "x", 1, {}, {"master.m3u8": b"top"})
    with pytest.raises(StoreFailed, match="too many writers"):
        await library.change_title("x", lambda found: msgspec.structs.replace(found, title="Other"))
    with pytest.raises(StoreFailed, match="no published title"):
        await library.change_title("y", lambda found: found)
    with pytest.raises(StoreFailed) as failed:
        await store.put(title_key("x"), b"{}", only_if=ABSENT)
    assert failed.value.fault is StoreFault.CONFLICT
