"""One object as one file: what was written comes back, or nothing does."""

import errno
import os
from pathlib import Path

import pytest

from cache.disk import object_file
from cache.disk.object_file import BLOCK, Damaged, FileOf, open_body, read_head, read_object

HEAD = {
    "key": b"/k",
    "name": "ab-1",
    "vary": [[b"foo", b"1"]],
    "fields": [[b"a", b"b"]],
    "length": 5,
    "age": 1.5,
    "via": None,
}
K = FileOf("ab-1", b"/k", ((b"foo", b"1"),))
OTHER = FileOf("ab-1", b"/other", K.vary)
SIZES = [0, 1, 5, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7]


def body_of(size):
    return bytes(number * 31 % 251 for number in range(size))


def write_object(path, head, *pieces):
    fd = object_file.write_object(path, head, pieces)
    size = os.fstat(fd).st_size
    os.close(fd)
    return size


@pytest.fixture
def path(tmp_path):
    return tmp_path / "object"


@pytest.mark.parametrize("size", SIZES)
def test_what_was_written_comes_back(path, size):
    body = body_of(size)
    assert write_object(path, HEAD, body) == path.stat().st_size
    assert read_object(path, K) == (HEAD, body)
    head, opened = open_body(path, K, 0.0)
    assert head["key"] == b"/k"
    assert len(opened) == size
    assert bytes(opened.view(0, size)) == body
    assert read_head(path, K) == HEAD
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_view_is_written_like_bytes(path):
    write_object(path, HEAD, memoryview(b"xhellox")[1:6])
    assert read_object(path, K)[1] == b"hello"


def test_what_a_broken_write_left_is_written_over(path):
    path.write_bytes(b"longer than the object" * 100)
    write_object(path, HEAD, b"hello")
    assert read_object(path, K) == (HEAD, b"hello")


@pytest.mark.parametrize("cuts", [[BLOCK], [1], [BLOCK - 1, BLOCK + 1], [10, 3 * BLOCK], [BLOCK, 2 * BLOCK], []])
def test_wherever_its_pieces_are_cut_the_file_is_the_same(path, cuts):
    body = body_of(3 * BLOCK + 7)
    write_object(path, HEAD, body)
    whole = path.read_bytes()
    ends = [*cuts, len(body)]
    write_object(path, HEAD, *(body[first:stop] for first, stop in zip([0, *cuts], ends, strict=True)))
    assert path.read_bytes() == whole


def damaged(path, wanted=K):
    """Whether neither way gives out a single byte."""
    for read in (lambda: read_object(path, wanted), lambda: open_body(path, wanted, 0.0)):
        with pytest.raises(Damaged):
            read()
    return True


@pytest.mark.parametrize("size", [0, 5, BLOCK + 9])
def test_no_flipped_bit_is_served(path, size):
    """Every byte of a small file; of a larger one all of the edges and a sample between."""
    write_object(path, HEAD, body_of(size))
    whole = bytearray(path.read_bytes())
    step = 1 if len(whole) < 500 else 997
    places = {*range(0, len(whole), step), *range(min(200, len(whole))), *range(max(0, len(whole) - 200), len(whole))}
    for place in places:
        for bit in (0, 7):
            whole[place] ^= 1 << bit
            path.write_bytes(whole)
            assert damaged(path), (place, bit)
            whole[place] ^= 1 << bit


@pytest.mark.parametrize("size", [0, 5, BLOCK + 9])
def test_no_file_cut_short_or_grown_is_served(path, size):
    write_object(path, HEAD, body_of(size))
    whole = path.read_bytes()
    for length in {*range(0, len(whole), max(1, len(whole) // 60)), len(whole) - 1}:
        path.write_bytes(whole[:length])
        assert damaged(path), length
    for grown in (whole + b"\0", b"\0" + whole, whole + whole):
        path.write_bytes(grown)
        assert damaged(path)


@pytest.mark.parametrize("junk", [b"", b"\0", b"\0" * 40, b"\xff" * 40, b"\0" * 100_000, os.urandom(3000)])
def test_junk_is_no_object(path, junk):
    path.write_bytes(junk)
    assert damaged(path)
    with pytest.raises(Damaged):
        read_head(path, K)


def test_a_file_of_another_key_is_not_served(path):
    """The file's name is a hash, which can be made to collide: the key is compared in full."""
    write_object(path, HEAD, b"hello")
    assert damaged(path, OTHER)


@pytest.mark.parametrize(
    "other", [FileOf("ab-2", b"/k", K.vary), FileOf("ab-1", b"/k"), FileOf("ab-1", b"/k", ((b"foo", b"2"),))]
)
def test_another_file_of_the_same_key_is_not_served(path, other):
    """Put in its place: an older version, or another alternate."""
    write_object(path, HEAD, b"hello")
    assert damaged(path, other)
    with pytest.raises(Damaged):
        read_head(path, other)


@pytest.mark.parametrize(
    "head", [{}, {"key": None}, {"key": "/k"}, {"key": b"/k", "name": "ab-1"}, HEAD | {"vary": 7}, HEAD | {"vary": [7]}]
)
def test_a_head_that_does_not_say_whose_it_is(path, head):
    write_object(path, head, b"hello")
    assert damaged(path)


def test_a_file_that_is_gone_or_no_file(path, tmp_path):
    for read in (lambda: read_object(path, K), lambda: open_body(path, K, 0.0), lambda: read_head(path, K)):
        with pytest.raises(FileNotFoundError):
            read()
    with pytest.raises(IsADirectoryError):
        read_object(tmp_path, K)


def test_damage_leaves_no_descriptor_open(path):
    write_object(path, HEAD, body_of(BLOCK * 2))
    open_before = len(list(Path("/proc/self/fd").iterdir()))
    for wanted in (K, OTHER):
        for cut in (1, BLOCK):
            whole = path.read_bytes()
            path.write_bytes(whole[:-cut] if wanted is K else whole)
            assert damaged(path, wanted)
            path.write_bytes(whole)
    assert len(list(Path("/proc/self/fd").iterdir())) == open_before


def test_writes_and_reads_that_the_system_cuts_short_are_gone_on_with(path, monkeypatch):
    body = body_of(1000)
    write, pread = os.write, os.pread
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:7]))
    monkeypatch.setattr(os, "writev", lambda fd, pieces: write(fd, pieces[0][:7]))
    write_object(path, HEAD, body)
    monkeypatch.setattr(os, "pread", lambda fd, count, offset: pread(fd, min(count, 300), offset))
    assert read_object(path, K) == (HEAD, body)


def test_a_file_that_shrinks_while_it_is_read(path, monkeypatch):
    write_object(path, HEAD, body_of(1000))
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, count, offset: b"" if count == 1000 else pread(fd, count, offset))
    monkeypatch.setattr(os, "preadv", lambda fd, buffers, offset: 0)
    assert damaged(path)


def test_a_read_that_is_cut_short_goes_on(path, monkeypatch):
    """By a signal, after any number of bytes."""
    body = body_of(100_000)
    write_object(path, HEAD, body)
    preadv = os.preadv
    monkeypatch.setattr(os, "preadv", lambda fd, buffers, offset: preadv(fd, [buffers[0][:30_000]], offset))
    assert bytes(open_body(path, K, 0.0)[1].view(0, len(body))) == body


def test_a_full_disk_says_so(path, monkeypatch):
    def full(fd, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "writev", full)
    with pytest.raises(OSError, match="No space"):
        write_object(path, HEAD, b"x")


def test_a_tail_that_agrees_with_its_sum_and_is_no_head_of_ours(path, monkeypatch):
    """Written by a fault of ours: found nevertheless."""
    write_object(path, ["no", "map"], b"x")
    assert damaged(path)
    path.unlink()
    monkeypatch.setattr("msgspec.msgpack.encode", lambda head: b"\xc1 no MessagePack")
    write_object(path, HEAD, b"x")
    assert damaged(path)
