"""What is served follows the store, without asking it for every request."""

import pytest

from kernel.errors import StorageFailed
from kernel.store_faults import StoreFault
from origin.storage.library import Library
from origin.storage.published_index import PublishedIndex, library_fields
from origin.storage.records import AudioRendition, TextRendition, TitleRecord
from origin.stores.folder import open_folder
from origin.stores.object_store import StoreFailed
from tests.doubles.object_store import WrappedStore


class Hands:
    """A clock moved by hand."""

    now = 100.0

    def __call__(self):
        return self.now


class Breaking(WrappedStore):
    """Works until `broken`."""

    broken = False

    async def before(self, method, key):
        await super().before(method, key)
        if self.broken:
            raise StoreFailed(StoreFault.UNAVAILABLE, "it does not answer")


async def test_a_new_publication_is_seen_when_looked_for(make_store, publish):
    """Within `check_seconds` the store is not asked; after it, the new top file and the old segments are there."""
    store, mono = WrappedStore(make_store()), Hands()
    library, index = Library(store.store), PublishedIndex(Library(store), mono, check_seconds=1.0)
    await publish(library, "x", 1, {"v240/1.m4s": b"one"}, {"master.m3u8": b"first"})
    first = await index.find("x", "master.m3u8")
    store.calls.clear()
    await publish(library, "x", 2, {"v240-2/1.m4s": b"two"}, {"master.m3u8": b"second!"})
    assert await index.find("x", "master.m3u8") == first
    assert store.calls == []
    mono.now += 1.5
    second = await index.find("x", "master.m3u8")
    assert (second.size, second.immutable) == (7, False)
    assert second.etag != first.etag
    assert bytes(await store.read(second.key, 0, 7)) == b"second!"
    old, new = await index.find("x", "v240/1.m4s"), await index.find("x", "v240-2/1.m4s")
    assert bytes(await store.read(old.key, 0, 3)) == b"one"
    assert bytes(await store.read(new.key, 0, 3)) == b"two"
    assert (old.immutable, new.immutable) == (True, True)
    assert await index.find("x", "nothing") is None
    assert await index.find("y", "master.m3u8") is None


async def test_an_unchanged_title_costs_one_question(make_store, publish):
    """And serving it never lists the store."""
    store, mono = WrappedStore(make_store()), Hands()
    await publish(Library(store.store), "x", 1, {"v240/1.m4s": b"one"}, {"master.m3u8": b"first"})
    index = PublishedIndex(Library(store), mono, check_seconds=1.0)
    for _ in range(3):
        assert await index.find("x", "v240/1.m4s")
        mono.now += 2
    assert [method for method, _ in store.calls] == ["get", "get", "info", "info"]


async def test_only_so_many_objects_are_remembered(tmp_path, publish):
    """Titles asked for longest ago are forgotten, and found again in the store."""
    store = WrappedStore(open_folder(tmp_path / "store"))
    library = Library(store)
    index = PublishedIndex(library, Hands(), max_objects=7)
    for name in ("a", "b", "c"):
        await publish(library, name, 1, {"v240/1.m4s": b"x"}, {"master.m3u8": b"x"})
        assert await index.find(name, "master.m3u8")
    store.calls.clear()
    assert await index.find("c", "master.m3u8")
    assert store.calls == []
    assert await index.find("a", "master.m3u8")
    assert store.calls != []
    await publish(library, "large", 1, {f"v240/{number}.m4s": b"x" for number in range(20)}, {})
    assert await index.find("large", "v240/7.m4s")


async def test_known_titles_are_served_while_the_store_fails(tmp_path, publish):
    """Published objects do not change. A title that is not known is an error, and not missing."""
    store, mono = Breaking(open_folder(tmp_path / "store")), Hands()
    index = PublishedIndex(Library(store), mono, check_seconds=1.0)
    await publish(Library(store), "x", 1, {}, {"master.m3u8": b"x"})
    found = await index.find("x", "master.m3u8")
    store.broken = True
    mono.now += 60
    assert await index.find("x", "master.m3u8") == found
    with pytest.raises(StoreFailed) as failed:
        await index.find("y", "master.m3u8")
    assert failed.value.fault is StoreFault.UNAVAILABLE
    store.broken = False
    mono.now += 2
    await store.delete(["titles/x/title.json"])
    assert await index.find("x", "master.m3u8") is None


async def test_the_listing_follows_the_mark_and_looks_by_itself(make_store, publish):
    """The mark tells at once; a kill before the mark is noticed at the next scan; damage hides one title only."""
    store, mono = make_store(), Hands()
    library = Library(store)
    index = PublishedIndex(library, mono, check_seconds=1.0, scan_seconds=10.0)
    assert (await index.listing()).titles == 0
    await publish(library, "a", 1, {}, {})
    assert (await index.listing()).titles == 0
    mono.now += 1
    first = await index.listing()
    assert first.titles == 1

    class Killed(WrappedStore):
        async def put(self, key, data, *, only_if=None):
            return "" if key == "mark.json" else await super().put(key, data, only_if=only_if)

    await publish(Library(Killed(store)), "b", 1, {}, {})
    mono.now += 2
    assert (await index.listing()) is first
    mono.now += 10
    assert (await index.listing()).titles == 2
    await store.put("titles/b/title.json", b"{")
    mono.now += 10
    assert (await index.listing()).titles == 1
    with pytest.raises(StorageFailed, match="damaged"):
        await index.find("b", "master.m3u8")


async def test_a_failing_store_does_not_empty_the_library(tmp_path, publish):
    """The catalogue would hide every title."""
    store, mono = Breaking(open_folder(tmp_path / "store")), Hands()
    index = PublishedIndex(Library(store), mono)
    await publish(Library(store), "a", 1, {}, {})
    assert (await index.listing()).titles == 1
    store.broken = True
    mono.now += 60
    with pytest.raises(StoreFailed):
        await index.listing()
    store.broken = False
    assert (await index.listing()).titles == 1


async def test_a_store_of_an_older_version_is_served_as_it_is(tmp_path, made_title):
    """Its title records know no publications; a publication of top files plays the segments of the one before."""
    store = open_folder(tmp_path)
    title = made_title("old", 2)
    fields = {"publications": (), "steering": "http://x"}
    import msgspec

    record = msgspec.to_builtins(msgspec.structs.replace(title, **fields))
    del record["publications"]
    await store.put("titles/old/title.json", msgspec.json.encode(record))
    first = {"number": 1, "published": "2026-11-01T10:00:00Z", "files": [["v240/1.m4s", 3, "ab" * 16]], "tops": []}
    second = first | {"number": 2, "files": [], "tops": [["master.m3u8", 3, "cd" * 16]]}
    for one in (first, second):
        await store.put(f"titles/old/publication-{one['number']}.json", msgspec.json.encode(one))
    index = PublishedIndex(Library(store), Hands())
    segment, top = await index.find("old", "v240/1.m4s"), await index.find("old", "master.m3u8")
    assert (segment.key, segment.etag) == ("media/old/v240/1.m4s", b'"' + b"ab" * 16 + b'"')
    assert top.key == "media/old/top-2/master.m3u8"
    current = await Library(store).current(await Library(store).title("old"))
    assert [one.path for one in current.objects()] == ["v240/1.m4s", "master.m3u8"]


def test_a_listed_title_names_the_languages_that_viewers_can_choose():
    """The catalogue read `tracks`, which no title had, so nobody's preferred language was offered."""
    fields = dict.fromkeys(TitleRecord.__struct_fields__) | {"renditions": (), "publications": ()}
    sound = tuple(AudioRendition(name, "deu", 128_000, channels) for name, channels in (("a1", 2), ("a1s", 6)))
    record = TitleRecord(**fields | {"sound": sound, "text": (TextRendition("t1", "und", "Signs"),)})
    assert library_fields(record)["tracks"] == [
        {"kind": "audio", "language": "de", "name": ""},
        {"kind": "subtitles", "language": "", "name": "Signs"},
    ]
