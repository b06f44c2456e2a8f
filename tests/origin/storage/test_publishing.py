"""Publishing: whole or not at all, and by one of several publishers."""

import asyncio

import msgspec
import pytest

from kernel.errors import StorageFailed
from kernel.store_faults import StoreFault
from origin.storage.library import Library
from origin.storage.publishing import Publisher, merge_metadata
from origin.storage.records import object_key, title_key
from origin.storage.sweeping import sweep
from origin.stores.object_store import StoreFailed
from tests.doubles.object_store import FaultyStore, WrappedStore


class Killed(BaseException):
    """Stands for kill -9: nothing of ours catches it."""


async def keys_of(store):
    listed = [[one.key async for one in store.list(prefix)] for prefix in ("titles/", "manifests/", "media/")]
    return {key for keys in listed for key in keys}


async def test_one_of_two_publishers_wins_and_its_publication_is_whole(store, publish):
    """They publish different content as the same version; what the loser stored is swept."""
    library = Library(store)
    made = await asyncio.gather(
        publish(library, "x", 1, {"v240/1.m4s": b"first"}, {"master.m3u8": b"a"}),
        publish(library, "x", 1, {"v240/1.m4s": b"second film"}, {"master.m3u8": b"b"}),
        return_exceptions=True,
    )
    [lost] = [one for one in made if isinstance(one, Exception)]
    [won] = [one for one in made if not isinstance(one, Exception)]
    assert lost.fault is StoreFault.CONFLICT
    assert await library.title("x") == won
    await sweep(library, "x", before=float("inf"))
    assert await library.is_whole(won)
    made = await library.current(won)
    assert await keys_of(store) == {
        title_key("x"), f"manifests/x/{won.publications[0].name}.json", *(one.key for one in made.objects())
    }  # fmt: skip


async def test_two_publishers_of_the_same_content_share_it(store, publish):
    """As after an expired lease: one wins, and the other one deletes nothing of it."""
    library = Library(store)
    files = {f"v240/{number}.m4s": b"segment" for number in range(6)}
    made = await asyncio.gather(
        *(publish(library, "x", 1, files, {"master.m3u8": b"a"}) for _ in range(2)), return_exceptions=True
    )
    won = [one for one in made if not isinstance(one, Exception)]
    assert won
    assert all(one.fault is StoreFault.CONFLICT for one in made if isinstance(one, Exception))
    assert await library.is_whole(await library.title("x"))


async def test_killed_at_any_change(store, publish):
    """The old publication or the new one is current and whole; the next attempt goes on, and sends nothing twice."""
    library = Library(store)
    await publish(library, "x", 1, {"v240/1.m4s": b"old"}, {"master.m3u8": b"old"})
    files = {f"v240-2/{number}.m4s": f"segment {number}".encode() for number in range(5)}
    at, done, sent = 0, False, []
    while not done:
        faulty = FaultyStore(store, at, Killed())
        try:
            await publish(Library(faulty), "x", 2, files, {"master.m3u8": b"new"})
            done = True
        except Killed:
            at += 1
        except StoreFailed as error:
            done = "another publisher was first" in str(error)  # killed between the put of the record and its answer
        sent += [key for method, key in faulty.calls if method == "put" and key.startswith("media/")]
        title = await library.title("x")
        assert title.version in (1, 2)
        assert await library.is_whole(title)
    assert title.version == 2
    assert len(sent) < 60


async def test_a_failed_publication_is_deleted_at_once(store, publish):
    """Above all on a full disk."""

    class Failing(WrappedStore):
        async def before(self, method, key):
            if method == "put" and key.endswith("3.m4s"):
                raise StoreFailed(StoreFault.FULL, "the disk is full")

    library = Library(store)
    await publish(library, "x", 1, {"v240/1.m4s": b"old"}, {"master.m3u8": b"old"})
    before = await keys_of(store)
    with pytest.raises(StoreFailed, match="full"):
        await publish(Library(Failing(store)), "x", 2, {f"v240-2/{n}.m4s": b"new" for n in range(9)}, {})
    assert await keys_of(store) == before


async def test_a_publisher_whose_objects_are_being_deleted_fails_and_then_succeeds(store, publish):
    """It never publishes holes; its next attempt gets other keys."""
    library = Library(store)
    files, tops = {"v240/1.m4s": b"one"}, {"master.m3u8": b"top"}

    class Swept(WrappedStore):
        done = False

        async def before(self, method, key):
            if method == "put" and key.startswith("manifests/") and not self.done:
                self.done = True
                assert await sweep(library, "x", before=float("inf")) == 2

    with pytest.raises(StoreFailed, match="vanished"):
        await publish(Library(Swept(store)), "x", 1, files, tops)
    assert await library.title("x") is None
    title = await publish(library, "x", 1, files, tops)
    assert await library.is_whole(title)


async def test_new_top_files_keep_the_segments(store, publish):
    """The next manifest lists them with their keys, so that the publication before may be deleted."""
    library = Library(store)
    first = await publish(library, "x", 1, {"v240/1.m4s": b"one"}, {"master.m3u8": b"old"})
    second = msgspec.structs.replace(first, version=2)
    published = await Publisher(library).publish(second, None, {"master.m3u8": b"new"})
    assert [one.path for one in published.manifest.files] == ["v240/1.m4s"]
    assert await library.is_whole(published.title)
    assert object_key("x", 2, published.manifest.files[0]).startswith("media/x/publication-1-")


async def test_metadata_changed_while_it_published_is_kept(store, publish):
    """The operator's new name of the film is not lost to a publisher that started earlier."""
    library = Library(store)
    first = await publish(library, "x", 1, {}, {"master.m3u8": b"old"})

    class Renamed(WrappedStore):
        done = False

        async def before(self, method, key):
            if method == "put" and key == title_key("x") and not self.done:
                self.done = True
                await library.change_title("x", lambda found: msgspec.structs.replace(found, title="New name"))

    second = msgspec.structs.replace(first, version=2, duration=7.0)
    published = await Publisher(Library(Renamed(store))).publish(second, None, {"master.m3u8": b"new"})
    assert (published.title.title, published.title.version, published.title.duration) == ("New name", 2, 7.0)
    assert await library.title("x") == published.title


def test_metadata_of_the_publisher_wins_over_what_it_replaces(made_title):
    base = made_title("x", 1)
    operator = msgspec.structs.replace(base, title="Operator's", countries=("DE",))
    mine = msgspec.structs.replace(base, title="Publisher's", version=2)
    merged = merge_metadata(base, operator, mine)
    assert (merged.title, merged.countries, merged.version) == ("Publisher's", ("DE",), 2)


async def test_a_file_that_changes_while_it_is_published_is_an_error(store, tmp_path, made_title):
    (tmp_path / "tree/v240").mkdir(parents=True)
    file = tmp_path / "tree/v240/1.m4s"
    file.write_bytes(b"one")

    class Touching(WrappedStore):
        async def before(self, method, key):
            if method == "list":
                file.write_bytes(b"two!")

    with pytest.raises(StorageFailed, match="changed while it was published"):
        await Publisher(Library(Touching(store))).publish(made_title("x", 1), tmp_path / "tree", {})
