"""The mark on disk."""

from pathlib import Path

import pytest

from edge.mark_file import UNKNOWN, Mark, MarkFile, decode, encode
from kernel.errors import StorageFailed
from kernel.fleet import Version

MARK = Mark(Version("epoch-1", 17), 1_800_000_000.25)


def test_what_was_saved_is_there(tmp_path: Path):
    file = MarkFile(tmp_path / "fleet")
    assert file.load() == (Mark(), "")
    file.save(MARK)
    file.save(MARK._replace(contact=5.0))
    assert MarkFile(tmp_path / "fleet").load() == (MARK._replace(contact=5.0), "")
    assert [one.name for one in file.folder.iterdir()] == ["mark.json"]


@pytest.mark.parametrize("at", range(0, len(encode(MARK)), 7))
def test_a_flipped_bit_is_seen(at: int):
    data = bytearray(encode(MARK))
    data[at] ^= 1
    with pytest.raises(ValueError, match="checksum"):
        decode(bytes(data))


@pytest.mark.parametrize("left", [0, 10, len(encode(MARK)) - 1])
def test_a_torn_file_is_no_mark(tmp_path: Path, left: int):
    file = MarkFile(tmp_path)
    file.path.write_bytes(encode(MARK)[:left])
    mark, why = file.load()
    assert mark == UNKNOWN
    assert "damaged" in why


def test_a_file_that_cannot_be_read_or_written_says_so(tmp_path: Path):
    file = MarkFile(tmp_path)
    file.path.mkdir()
    mark, why = file.load()
    assert mark == UNKNOWN
    assert "cannot be read" in why
    with pytest.raises(StorageFailed, match="cannot be written"):
        file.save(MARK)


def test_what_is_whole_and_is_no_mark():
    import xxhash

    body = b'{"epoch": 1}'
    with pytest.raises(ValueError, match="has no epoch"):
        decode(b"matinee-edge-mark 1 xxh3=" + xxhash.xxh3_128_hexdigest(body).encode() + b"\n" + body)
