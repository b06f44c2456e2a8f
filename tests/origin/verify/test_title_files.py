"""How a title's files are read: once, whole, and compared with what was published."""

import asyncio
import hashlib

import pytest

from kernel.errors import StorageFailed
from origin.storage.records import FileRecord, Publication
from origin.stores.folder import open_folder
from origin.verify.findings import Check
from origin.verify.title_files import PackagedReader, PublishedReader, read_title, transport_faults

TEXT = b"#EXTM3U\n"


def read(folder, *files, digests=None):
    """The facts of a publication whose objects are these (path, stored bytes, published bytes)."""
    store = open_folder(folder / "store")
    records = []
    for path, stored, published in files:
        key = f"media/x/{path}"
        records.append(FileRecord(path, len(published), hashlib.sha256(published).hexdigest()[: digests or 64], key))
        if stored is not None:
            asyncio.run(store.put(key, stored))
    reader = PublishedReader(store, "x", Publication(1, "", tuple(records), ()))
    counts = []
    facts = asyncio.run(read_title(reader, counts.append))
    assert counts[-1:] == [len(files)]
    return facts


@pytest.mark.parametrize("digests", [None, 32])
def test_what_is_as_it_was_published(tmp_path, digests):
    """Older stores know the first half of the checksum."""
    facts = read(tmp_path, ("master.m3u8", TEXT, TEXT), ("thumbs/poster.jpg", b"jpg", b"jpg"), digests=digests)
    assert facts.findings == []
    assert facts.sizes == {"master.m3u8": 8, "thumbs/poster.jpg": 3}
    assert facts.texts == {"master.m3u8": TEXT}, "media are not kept"


@pytest.mark.parametrize(
    ("stored", "published", "why"),
    [
        (None, TEXT, "missing|not there|no such|No such|does not exist"),
        (TEXT[:-1], TEXT, "ends before|bytes"),
        (b"#EXTM3X\n", TEXT, "SHA-256"),
        (b"", b"", "is empty"),
    ],
)
def test_what_is_not(tmp_path, stored, published, why):
    """Found at its path, and the other files are read all the same."""
    facts = read(tmp_path, ("v240/00001.m4s", stored, published), ("master.m3u8", TEXT, TEXT))
    (finding,) = facts.findings
    assert (finding.check, finding.path) == (Check.OBJECTS, "v240/00001.m4s")
    assert any(word in finding.detail for word in why.split("|")), finding.detail
    assert facts.sizes["master.m3u8"] == 8
    assert "v240/00001.m4s" not in facts.times


def test_media_that_is_none(tmp_path):
    facts = read(tmp_path, ("v240/init.mp4", b"text", b"text"), ("v240/00001.m4s", b"text", b"text"))
    assert {(one.check, one.path) for one in facts.findings} == {
        (Check.TIMELINE, "v240/init.mp4"),
        (Check.TIMELINE, "v240/00001.m4s"),
    }


PACKET = b"\x47\x40\x00" + bytes(185)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (PACKET + b"\x47\x41\x00" + bytes(185), ""),
        (PACKET[:-1], "no whole packets"),
        (PACKET + b"\0" * 188, "sync byte"),
        ((b"\x47\x41\x00" + bytes(185)) * 2, "programme association table"),
    ],
)
def test_transport_streams(data, why):
    faults = transport_faults(data)
    assert len(faults) == bool(why)
    assert why in " ".join(faults)


def test_a_packaged_folder(tmp_path):
    """Tree and top files under one address; a file that goes away is a failure of storage."""
    for part, name in (("tree", "v240/main.m3u8"), ("tops", "master.m3u8")):
        (tmp_path / part / name).parent.mkdir(parents=True)
        (tmp_path / part / name).write_bytes(TEXT)
    reader = PackagedReader(tmp_path)
    assert reader.records()["v240/main.m3u8"].size == 8
    assert asyncio.run(reader.read("master.m3u8")) == TEXT
    (tmp_path / "tops" / "master.m3u8").unlink()
    with pytest.raises(StorageFailed, match="cannot be read"):
        asyncio.run(reader.read("master.m3u8"))
