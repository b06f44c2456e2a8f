"""Publications in a store."""

import pytest

from kernel.errors import StorageFailed
from origin.storage.library import Library, digest
from origin.storage.object_store import FolderStorage


def test_what_was_published_is_on_record(tmp_path, publish):
    """Each file with size and hash; the title as given."""
    library = Library(FolderStorage(tmp_path / "store"))
    title = publish(library, "x", 1, {"v240/1.m4s": b"one", "v240/init.mp4": b""}, {"master.m3u8": b"top"})
    assert library.title("x") == title
    assert library.title("y") is None
    made = library.publication("x", 1)
    assert [(one.path, one.size) for one in made.files] == [("v240/1.m4s", 3), ("v240/init.mp4", 0)]
    assert made.tops[0].digest == digest(b"top")
    assert list(library.content_ids()) == ["x"]
    assert library.is_whole(title)


def test_sweep_leaves_what_is_published(tmp_path, publish):
    """Strays, half-written files and a publication without pointer go; what viewers see stays."""
    library = Library(FolderStorage(tmp_path / "store"))
    title = publish(library, "x", 1, {"v240/1.m4s": b"one"}, {"master.m3u8": b"top"})
    for stray in ("media/x/v240-2/1.m4s", "media/x/v240/2.m4s#1", "media/x/top-2/master.m3u8"):
        (tmp_path / "store" / stray).parent.mkdir(exist_ok=True)
        (tmp_path / "store" / stray).write_bytes(b"stray")
    assert library.sweep("x") == 3
    assert library.is_whole(title)
    assert not (tmp_path / "store/media/x/v240-2").exists()
    assert library.sweep("x") == 0
    assert library.sweep("never") == 0


def test_damage_is_named(tmp_path):
    """The key is in the message."""
    library = Library(FolderStorage(tmp_path / "store"))
    library.storage.put("titles/x/title.json", b'{"contentId": 1}')
    with pytest.raises(StorageFailed, match=r"titles/x/title\.json in the store is damaged"):
        library.title("x")
    with pytest.raises(StorageFailed, match=r"publication-3\.json is missing"):
        library.publication("x", 3)
