"""What publishers left is deleted, what is published and what is being published stays."""

import pytest

from origin.storage.blocking_library import BlockingLibrary
from origin.storage.library import Library
from origin.storage.sweeping import sweep
from origin.stores.folder import open_folder
from tests.doubles.object_store import WrappedStore, files_of

EVERYTHING = float("inf")


async def test_strays_go_and_what_is_published_stays(store, publish):
    """Objects of a publication without a record, its manifest, and those of an older store's layout."""
    library = Library(store)
    title = await publish(library, "x", 1, {"v240/1.m4s": b"one"}, {"master.m3u8": b"top"})
    strays = (
        "media/x/publication-2-abc/v240-2/1.m4s",
        "media/x/publication-2-abc/master.m3u8",
        "manifests/x/2-def.json",
        "media/x/v240/1.m4s",
        "titles/x/publication-7.json",
    )
    for stray in strays:
        await store.put(stray, b'{"number":2,"published":"","files":[],"tops":[]}')
    assert await sweep(library, "x", before=0.0) == 0
    assert await sweep(library, "x", before=EVERYTHING) == len(strays)
    assert await library.is_whole(title)
    assert await sweep(library, "x", before=EVERYTHING) == 0
    assert await sweep(library, "never", before=EVERYTHING) == 0
    listed = [one.key async for one in store.list("media/")]
    assert len(listed) == 2


async def test_one_young_object_keeps_its_publication(tmp_path, publish):
    """A publisher that has been at work for longer than the grace period is still at work."""
    library = Library(open_folder(tmp_path / "store"))
    for name in ("1.m4s", "2.m4s"):
        await library.store.put(f"media/x/publication-1-abc/v240/{name}", b"segment")
    between = (await library.store.info("media/x/publication-1-abc/v240/2.m4s")).modified
    assert await sweep(library, "x", before=between) == 0
    assert await sweep(library, "x", before=between + 1) == 2


async def test_a_publication_that_is_completed_meanwhile_stays(store, publish):
    """Its publisher puts the manifest between the listing and the deletion."""
    library = Library(store)
    files, tops = {"v240/1.m4s": b"one"}, {"master.m3u8": b"top"}

    class Sweeping(WrappedStore):
        """Lets a publisher run when the sweeper is about to bury its publication."""

        async def before(self, method, key):
            if method == "put" and key.startswith("manifests/"):
                await publish(library, "x", 1, files, tops)

    class Stopped(Exception):
        pass

    class Stopping(WrappedStore):
        async def before(self, method, key):
            if method == "put" and key.startswith("manifests/"):
                raise Stopped

    with pytest.raises(Stopped):
        await publish(Library(Stopping(store)), "x", 1, files, tops)
    assert await sweep(Library(Sweeping(store)), "x", before=EVERYTHING) == 0
    assert await library.is_whole(await library.title("x"))


def test_an_ingest_sweeps_only_what_is_a_day_old(tmp_path):
    library = BlockingLibrary(open_folder(tmp_path))
    (tmp_path / "media/x/v240").mkdir(parents=True)
    (tmp_path / "media/x/v240/1.m4s").write_bytes(b"young")
    assert library.sweep("x") == 0
    assert files_of(tmp_path) == {"media/x/v240/1.m4s"}
