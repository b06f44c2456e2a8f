"""Bodies: bytes, files in memory, and borrowed files of the disk tier."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from cache.body import (
    IDLE_SECONDS,
    MAX_WRITE_BYTES,
    MIN_FILE_BYTES,
    DiskBody,
    FileBody,
    MemoryFile,
    Pieces,
    can_keep_open,
    make_body,
    view,
    write_all,
)

PIECES = [os.urandom(70_000), os.urandom(1), os.urandom(33_333)]
WHOLE = b"".join(PIECES)


def _disk_body(folder: Path, data: bytes = WHOLE, now: float = 0.0) -> tuple[Path, DiskBody]:
    file = folder / "object"
    file.write_bytes(data + b"tail")
    return file, DiskBody(os.open(file, os.O_RDONLY), len(data), now)


@pytest.mark.parametrize(("first", "stop"), [(0, len(WHOLE)), (0, 0), (5, 6), (4095, 4097), (100_000, len(WHOLE))])
def test_every_kind_gives_the_same_bytes(tmp_path: Path, first: int, stop: int) -> None:
    """A view is the part that was asked for, wherever the body lies."""
    for body in (WHOLE, MemoryFile(PIECES), _disk_body(tmp_path)[1]):
        assert bytes(view(body, first, stop)) == WHOLE[first:stop]
        assert len(body) == len(WHOLE)


def test_a_memory_file_takes_more_pieces_than_one_system_call() -> None:
    """`writev` takes a thousand at a time."""
    body = MemoryFile([bytes([number % 256]) * 3 for number in range(2_500)])
    assert bytes(body.view(0, 7_500)) == b"".join(bytes([number % 256]) * 3 for number in range(2_500))


def test_small_bodies_stay_bytes_and_files_only_where_wanted() -> None:
    """Below FILE_LEAST a copy is cheaper than a file."""
    assert make_body([b"a", b"b"], files=True) == b"ab"
    assert isinstance(make_body([bytes(MIN_FILE_BYTES)], files=True), MemoryFile)
    assert isinstance(make_body([bytes(MIN_FILE_BYTES)], files=False), bytes)


def test_out_of_descriptors_a_body_is_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost but speed."""

    def none_left(*_: object) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "memfd_create", none_left)
    assert make_body(PIECES, files=True) == WHOLE


def test_a_body_closes_its_file_with_its_last_reference(tmp_path: Path) -> None:
    """No descriptor leaks."""
    _, body = _disk_body(tmp_path)
    fd = body.fd
    os.fstat(fd)
    del body
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_a_file_that_somebody_wrote_to_is_not_sound(tmp_path: Path) -> None:
    """A changed byte is seen by the file's date, a shorter file by its size."""
    file, body = _disk_body(tmp_path)
    assert body.is_servable(1.0)
    with file.open("r+b") as changed:
        changed.seek(10)
        changed.write(b"x")
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 1))
    assert not body.is_servable(2.0)


def test_a_file_that_was_cut_short_is_not_sound_and_its_view_says_so(tmp_path: Path) -> None:
    """Never fewer bytes than promised without an error."""
    file, body = _disk_body(tmp_path)
    os.truncate(file, 1000)
    assert not body.is_servable(1.0)
    with pytest.raises(OSError, match="truncated"):
        body.view(0, len(body))


def test_after_a_pause_the_pages_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In use nothing is asked but date and size; after IDLE_SECONDS a page that is gone makes the body unsound."""
    _, body = _disk_body(tmp_path)
    asked: list[int] = []

    def gone(fd: int, buffers: list[bytearray], offset: int, flags: int) -> int:
        asked.append(offset)
        raise BlockingIOError

    monkeypatch.setattr(os, "preadv", gone)
    assert body.is_servable(IDLE_SECONDS)
    assert not asked
    assert not body.is_servable(IDLE_SECONDS * 3)
    assert asked == [0]


def test_pages_that_are_there_keep_it_sound(tmp_path: Path) -> None:
    """A file written a moment ago is in the page cache, where the file system can say so."""
    _, body = _disk_body(tmp_path)
    try:
        os.preadv(body.fd, [bytearray(1)], 0, os.RWF_NOWAIT)
    except OSError:
        pytest.skip("this file system does not answer RWF_NOWAIT")
    assert body.is_servable(1_000.0)


def test_a_write_that_is_cut_short_is_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a signal, or at 2 GiB."""
    writev = os.writev
    monkeypatch.setattr(os, "writev", lambda fd, pieces: writev(fd, [b"".join(pieces)[:1000]]))
    assert bytes(view(MemoryFile(PIECES), 0, len(WHOLE))) == WHOLE


def test_memory_is_always_sound_and_the_form_alone_has_no_bytes() -> None:
    """What is nowhere but in memory nobody else changes."""
    assert MemoryFile(PIECES).is_servable(1e9)
    with pytest.raises(NotImplementedError):
        FileBody(-1, 5).view(0, 5)


def test_a_view_of_memory_outlives_its_body() -> None:
    """A viewer may still be reading what was evicted."""
    assert bytes(view(MemoryFile(PIECES), 0, 3)) == WHOLE[:3]


def test_descriptors_beyond_half_of_what_there_is_are_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel gives the lowest free number; the upper half is for connections, and bytes do as well."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (200, 200))
    assert (can_keep_open(99), can_keep_open(100)) == (True, False)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (2, 2))
    assert make_body(PIECES, files=True) == WHOLE


@pytest.mark.parametrize("first", range(8))
@pytest.mark.parametrize("stop", range(8))
def test_a_body_in_pieces_is_read_wherever_they_are_cut(first, stop):
    pieces = Pieces((b"ab", b"c", b"", b"defg"))
    assert len(pieces) == 7
    assert bytes(pieces.view(first, stop)) == b"abcdefg"[first:stop]
    assert pieces.join() == b"abcdefg"
    assert pieces.is_servable(0.0)


@pytest.mark.parametrize(
    "lengths",
    [
        (0,),
        (MAX_WRITE_BYTES,),
        (MAX_WRITE_BYTES + 1, 5),
        (10, 4 * MAX_WRITE_BYTES, 1),
        (MAX_WRITE_BYTES - 1, 2, MAX_WRITE_BYTES),
        (100,) * 2500,
    ],
)
def test_pieces_are_written_in_order_and_a_bounded_number_of_bytes_at_a_time(
    lengths: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel would allocate the pages of a larger write in one piece, which costs more than the copy."""
    pieces, wrote, writev = [os.urandom(length) for length in lengths], [], os.writev

    def writing(fd: int, some: list[bytes]) -> int:
        wrote.append((sum(map(len, some)), len(some)))
        return writev(fd, some)

    monkeypatch.setattr(os, "writev", writing)
    file = tmp_path / "file"
    fd = os.open(file, os.O_WRONLY | os.O_CREAT)
    write_all(fd, pieces)
    os.close(fd)
    assert file.read_bytes() == b"".join(pieces)
    assert all(length <= MAX_WRITE_BYTES and count <= 1000 for length, count in wrote)
    assert len(wrote) <= sum(lengths) // MAX_WRITE_BYTES + len(lengths) // 1000 + 1
