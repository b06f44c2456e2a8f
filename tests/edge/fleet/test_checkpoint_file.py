"""The mark on disk."""

from pathlib import Path

import pytest
import xxhash

from edge.fleet.checkpoint_file import SLOT, UNKNOWN, Checkpoint, CheckpointFile, decode, slot
from kernel.errors import StorageFailed
from kernel.fleet.messages import Version

MARK = Checkpoint(Version("epoch-1", 17), 1_800_000_000.25)
LENGTH = len(slot(MARK, 1).rstrip(b"\0"))


def number(at: int) -> Checkpoint:
    return MARK._replace(version=Version("epoch-1", at))


def test_what_was_saved_last_is_there(tmp_path: Path):
    file = CheckpointFile(tmp_path / "fleet")
    assert file.load() == (Checkpoint(), "")
    for at in range(1, 6):
        file.save(number(at))
        assert CheckpointFile(tmp_path / "fleet").load() == (number(at), "")
    again = CheckpointFile(tmp_path / "fleet")
    again.load()
    again.save(number(6))
    assert CheckpointFile(tmp_path / "fleet").load() == (number(6), "")
    assert [one.name for one in file.folder.iterdir()] == ["mark"]


@pytest.mark.parametrize("at", range(0, LENGTH, 7))
def test_a_flipped_bit_is_seen(at: int):
    data = bytearray(slot(MARK, 1))
    data[at] ^= 1
    with pytest.raises(ValueError, match="checksum"):
        decode(bytes(data))


@pytest.mark.parametrize("left", [0, 10, LENGTH - 1])
def test_a_torn_write_leaves_the_mark_before(tmp_path: Path, left: int):
    file = CheckpointFile(tmp_path)
    for at in (1, 2, 3):
        file.save(number(at))
    data = bytearray(file.path.read_bytes())
    data[:SLOT] = slot(number(3), 3)[:left] + slot(number(1), 1)[left:]
    file.path.write_bytes(data)
    assert file.load()[0] in (number(2), number(3))
    data[SLOT:] = b"\0" * SLOT
    data[:SLOT] = b"\0" * SLOT
    file.path.write_bytes(data[: left or 1])
    mark, why = file.load()
    assert mark == UNKNOWN
    assert "damaged" in why
    file.save(number(9))
    assert file.load() == (number(9), "")


def test_a_file_that_cannot_be_read_or_written_says_so(tmp_path: Path):
    file = CheckpointFile(tmp_path)
    file.path.mkdir()
    mark, why = file.load()
    assert mark == UNKNOWN
    assert "cannot be read" in why
    with pytest.raises(StorageFailed, match="cannot be written"):
        file.save(MARK)


def test_a_file_that_went_is_made_again(tmp_path: Path):
    file = CheckpointFile(tmp_path)
    file.save(number(1))
    file.path.unlink()
    with pytest.raises(StorageFailed):
        file.save(number(2))
    file.save(number(3))
    assert file.load() == (number(3), "")


@pytest.mark.parametrize("body", [b'{"epoch": 1}', b'{"turn": 1, "epoch": "e", "number": 1, "contact": "now"}', b"[]"])
def test_what_is_whole_and_is_no_mark(body: bytes):
    with pytest.raises(ValueError, match=r"has no|must be"):
        decode(b"matinee-edge-mark 1 xxh3=" + xxhash.xxh3_128_hexdigest(body).encode() + b"\n" + body)
