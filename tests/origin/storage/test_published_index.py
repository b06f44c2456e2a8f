"""What is served follows the store, without asking it for every request."""

import pytest

from kernel.errors import StorageFailed
from origin.storage.library import Library
from origin.storage.object_store import FolderStorage
from origin.storage.published_index import PublishedIndex


class Counting(FolderStorage):
    """Counts the questions."""

    asked = 0

    def tag(self, key):
        self.asked += 1
        return super().tag(key)


class Hands:
    """A clock moved by hand."""

    now = 100.0

    def __call__(self):
        return self.now


async def test_a_new_publication_is_seen_when_looked_for(tmp_path, publish):
    """Within `check_seconds` the store is asked once; after it, the new top file and the old segments are there."""
    storage, mono = Counting(tmp_path / "store"), Hands()
    library, shelf = Library(storage), PublishedIndex(Library(storage), mono, check_seconds=1.0)
    publish(library, "x", 1, {"v240/1.m4s": b"one"}, {"master.m3u8": b"first"})
    first = await shelf.find("x", "master.m3u8")
    asked = storage.asked
    publish(library, "x", 2, {"v240-2/1.m4s": b"two"}, {"master.m3u8": b"second!"})
    assert await shelf.find("x", "master.m3u8") == first
    assert storage.asked == asked
    mono.now += 1.5
    second = await shelf.find("x", "master.m3u8")
    assert (second.size, second.key, second.immutable) == (7, "media/x/top-2/master.m3u8", False)
    assert second.etag != first.etag
    old, new = await shelf.find("x", "v240/1.m4s"), await shelf.find("x", "v240-2/1.m4s")
    assert (old.key, new.key, old.immutable) == ("media/x/v240/1.m4s", "media/x/v240-2/1.m4s", True)
    assert await shelf.find("x", "nothing") is None
    assert await shelf.find("y", "master.m3u8") is None


async def test_only_so_many_titles_are_remembered(tmp_path, publish):
    """Those asked for longest ago are forgotten, and found again in the store."""
    storage = Counting(tmp_path / "store")
    library = Library(storage)
    shelf = PublishedIndex(library, Hands(), max_titles=2)
    for name in ("a", "b", "c"):
        publish(library, name, 1, {}, {"master.m3u8": b"x"})
        assert await shelf.find(name, "master.m3u8")
    asked = storage.asked
    assert await shelf.find("c", "master.m3u8")
    assert storage.asked == asked
    assert await shelf.find("a", "master.m3u8")
    assert storage.asked == asked + 1


async def test_the_listing_follows_the_mark_and_looks_by_itself(tmp_path, publish):
    """The mark tells at once; a kill before the mark is noticed at the next scan; damage hides one title only."""
    storage, mono = Counting(tmp_path / "store"), Hands()
    library = Library(storage)
    shelf = PublishedIndex(library, mono, check_seconds=1.0, scan_seconds=10.0)
    assert (await shelf.listing()).titles == 0
    publish(library, "a", 1, {}, {})
    assert (await shelf.listing()).titles == 0
    mono.now += 1
    first = await shelf.listing()
    assert first.titles == 1
    library.signal_change = lambda: None
    publish(library, "b", 1, {}, {})
    mono.now += 2
    assert (await shelf.listing()) is first
    mono.now += 10
    assert (await shelf.listing()).titles == 2
    storage.put("titles/b/title.json", b"{")
    mono.now += 10
    assert (await shelf.listing()).titles == 1
    with pytest.raises(StorageFailed, match="damaged"):
        await shelf.find("b", "master.m3u8")
