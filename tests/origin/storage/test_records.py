"""Records and keys, of today's stores and of older ones."""

import msgspec
import pytest

from origin.storage.records import (
    FileRecord,
    Publication,
    PublicationRef,
    TitleRecord,
    decode_record,
    encode_record,
    manifest_key,
    object_key,
    publication_name,
)
from origin.stores.frames import MAGIC
from origin.stores.object_store import StoreFailed


def test_keys_of_today_and_of_older_stores():
    assert object_key("x", 2, FileRecord("v240/1.m4s", 1, "d")) == "media/x/v240/1.m4s"
    assert object_key("x", 2, FileRecord("master.m3u8", 1, "d")) == "media/x/top-2/master.m3u8"
    assert object_key("x", 2, FileRecord("master.m3u8", 1, "d", "media/x/p/master.m3u8")) == "media/x/p/master.m3u8"
    assert manifest_key("x", PublicationRef(2, "", "")) == "titles/x/publication-2.json"
    assert manifest_key("x", PublicationRef(2, "2-ab", "")) == "manifests/x/2-ab.json"


def test_a_title_of_an_older_store_keeps_all_its_publications(made_title):
    title = msgspec.structs.replace(made_title("x", 3), published="date")
    assert title.kept() == (PublicationRef(1, "", ""), PublicationRef(2, "", ""), PublicationRef(3, "", "date"))
    kept = (PublicationRef(3, "3-ab", "date"),)
    assert msgspec.structs.replace(title, publications=kept).kept() == kept


def test_the_name_follows_the_content():
    """So two publishers of one number never write the same key with different content."""
    records = [FileRecord("a", 1, "d"), FileRecord("b", 2, "e")]
    name = publication_name(2, 0, records)
    assert name.startswith("2-")
    others = [
        publication_name(2, 1, records),
        publication_name(2, 0, records[:1]),
        publication_name(2, 0, [FileRecord("a", 1, "x"), records[1]]),
        publication_name(3, 0, records),
    ]
    assert len({name, *others}) == 5
    assert publication_name(2, 0, list(records)) == name


def test_records_survive_json(made_title):
    title = made_title("x", 1)
    assert decode_record(encode_record(title), TitleRecord, "k") == title
    old = b'{"number":1,"published":"2026","files":[["v240/1.m4s",3,"ab"]],"tops":[]}'
    assert decode_record(old, Publication, "k").files == (FileRecord("v240/1.m4s", 3, "ab"),)
    with pytest.raises(StoreFailed, match="set store_keys"):
        decode_record(MAGIC + b"...", TitleRecord, "k")
    with pytest.raises(StoreFailed, match="k in the store is damaged"):
        decode_record(b"\xff", TitleRecord, "k")
