"""The library without an event loop does what the other one does."""

import asyncio

import msgspec

from origin.storage.blocking_library import BlockingLibrary
from origin.stores.folder import open_folder


def test_all_of_it(tmp_path, made_title):
    (tmp_path / "tree/v240").mkdir(parents=True)
    (tmp_path / "tree/v240/1.m4s").write_bytes(b"one")
    library = BlockingLibrary(open_folder(tmp_path / "store"))
    counted = []
    title, manifest = library.publish(made_title("x", 1), tmp_path / "tree", {"master.m3u8": b"top"}, counted.append)
    assert counted == [1, 2]
    assert library.title("x") == title
    assert library.current(title) == manifest
    assert library.is_whole(title)
    assert library.read(manifest.tops[0].key) == b"top"
    assert library.read("none") is None
    library.change_title("x", lambda found: msgspec.structs.replace(found, title="New"))
    mark = asyncio.run(library.library.store.info("mark.json"))
    library.signal_change()
    assert asyncio.run(library.library.store.info("mark.json")).tag != mark.tag
    assert library.title("x").title == "New"
