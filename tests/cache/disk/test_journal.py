"""The index beside the files: what it names is an object, what had to go never comes back, half a line is none."""

import errno
import os
import struct
import threading

import pytest
import xxhash

from cache.disk import journal as module
from cache.disk.journal import MAGIC, OLD_MAGIC, Journal, JournalContents, number_of, parse
from cache.entry import INDEXED
from tests.cache.workbench import now_of, response
from tests.doubles.clock import FakeClock

A, B, C = "00000000000000aa-1", "00000000000000bb-2", "00000000000000cc-3"


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def journal(tmp_path):
    made = Journal(tmp_path / "index")
    made.start(JournalContents(), {})
    yield made
    made.close()


def framed(message):
    """A line of the index file: its length, its checksum, itself."""
    return struct.pack("<IQ", len(message), xxhash.xxh3_64_intdigest(message)) + message


def line(clock, key=b"/k", **more):
    return response(clock, key, length=1, **more).to_disk(now_of(clock))


def failing(code):
    def fails(*_):
        raise OSError(code, os.strerror(code))

    return fails


def test_the_last_line_of_a_name_counts(journal, clock):
    journal.record_object(A, line(clock, status=200))
    journal.record_object(B, line(clock))
    journal.record_object(A, line(clock, status=404))
    assert journal.record_removed([B])
    known = journal.read()
    assert list(known.lines) == [A]
    assert dict(zip(INDEXED, known.lines[A], strict=True))["status"] == 404
    assert (known.is_whole, known.last_number) == (True, 2)


def test_what_had_to_go_is_not_brought_back_by_a_line_that_was_under_way(journal, clock):
    """The write of a body or a head that ends after its object was purged."""
    journal.record_removed([A, B])
    journal.record_object(A, line(clock))
    assert journal.read().lines == {}


def test_without_a_file_there_is_nothing(tmp_path):
    assert Journal(tmp_path / "nowhere").read() == JournalContents()


@pytest.mark.parametrize(
    ("spoil", "left"),
    [
        (lambda raw: raw[:-1], [A]),
        (lambda raw: raw + b"\0" * 512, [A, B]),
        (lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]), [A]),
        (lambda raw: raw[:12], []),
        (lambda raw: raw[:-30] + framed(b"\xc1"), [A]),
        (lambda raw: raw + framed(b"\x92\xa1a\x01"), [A, B]),
        (lambda raw: b"junk", []),
        (lambda raw: b"", []),
    ],
)
def test_before_a_tear_it_counts_and_that_it_is_torn_is_told(journal, clock, tmp_path, spoil, left):
    journal.record_object(A, line(clock))
    journal.record_object(B, line(clock))
    path = tmp_path / "index"
    path.write_bytes(spoil(path.read_bytes()))
    known = journal.read()
    assert (list(known.lines), known.is_whole) == (left, False)


def test_the_index_of_a_release_that_took_unknown_files_for_objects_says_nothing():
    assert parse(OLD_MAGIC + b"lines") == JournalContents(is_whole=False, is_old_format=True)
    assert parse(MAGIC) == JournalContents(size=len(MAGIC))


def test_a_start_goes_on_with_the_file_or_begins_one_with_the_lines_it_is_given(journal, clock, tmp_path):
    for name in (A, B, C):
        journal.record_object(name, line(clock))
    size = (tmp_path / "index").stat().st_size
    known = journal.read()
    journal.start(known)
    assert (tmp_path / "index").stat().st_size == size
    journal.start(known, {B: known.lines[B]})
    assert list(journal.read().lines) == [B]
    assert (tmp_path / "index").stat().st_size < size
    journal.record_object(C, line(clock))
    assert list(journal.read().lines) == [B, C]


def test_it_is_written_anew_when_most_of_it_is_old(clock, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_OBSOLETE_LINES", 50)
    monkeypatch.setattr(module, "MAX_REMEMBERED", 3)
    journal = Journal(tmp_path / "index", lambda: 400)
    journal.start(JournalContents(), {})
    for number in range(1, 201):
        journal.record_object(f"00000000000000aa-{number:x}", line(clock))
        if number > 1:
            journal.record_removed([f"00000000000000aa-{number:x}"])
    known = journal.read()
    assert list(known.lines) == ["00000000000000aa-1"]
    assert known.count < 120
    assert known.last_number == 400, "numbers of files that nobody remembers are not used again either"
    journal.close()


def test_while_it_is_written_anew_others_append(journal, clock, monkeypatch, tmp_path):
    """They do not wait for it, and what they told counts."""
    monkeypatch.setattr(module, "MAX_OBSOLETE_LINES", 20)
    journal.start(JournalContents(), {})
    parsed, appended = module.parse, []

    def parse_slowly(raw):
        if not appended:
            other = threading.Thread(
                target=lambda: appended.extend((journal.record_removed([A]), journal.record_object(B, line(clock))))
            )
            other.start()
            other.join(10)
        return parsed(raw)

    monkeypatch.setattr(module, "parse", parse_slowly)
    for number in range(21):
        journal.record_object(A if number == 0 else f"00000000000000cc-{number:x}", line(clock))
    assert appended
    monkeypatch.undo()
    known = journal.read()
    assert (A in known.lines, B in known.lines, len(known.lines), known.is_whole) == (False, True, 21, True)


def test_where_it_cannot_be_written_anew_the_old_one_goes_on(journal, clock, monkeypatch):
    monkeypatch.setattr(module, "MAX_OBSOLETE_LINES", 5)
    journal.start(JournalContents(), {})
    monkeypatch.setattr(module, "parse", failing(errno.EIO))
    for number in range(30):
        journal.record_object(f"00000000000000aa-{number:x}", line(clock))
    monkeypatch.undo()
    assert len(journal.read().lines) == 30


@pytest.mark.parametrize("written", [0, 5, None])
def test_a_line_that_cannot_be_written_is_no_half_line(journal, clock, tmp_path, monkeypatch, written):
    """Nor one that could not be cut off at once: before anything else is written it is."""
    journal.record_object(A, line(clock))
    write = os.write
    monkeypatch.setattr(
        os, "write", failing(errno.ENOSPC) if written is None else lambda fd, data: write(fd, data[:written])
    )
    with monkeypatch.context() as stuck:
        stuck.setattr(os, "ftruncate", failing(errno.EIO))
        with pytest.raises(OSError, match=r"short write|No space"):
            journal.record_object(B, line(clock))
    with pytest.raises(OSError, match=r"short write|No space"):
        journal.record_object(B, line(clock))
    assert list(journal.read().lines) == [A]
    monkeypatch.undo()
    journal.record_object(C, line(clock))
    assert (list(journal.read().lines), journal.read().is_whole) == ([A, C], True)


def test_what_could_not_be_written_down_is_owed_and_written_first(journal, clock, monkeypatch):
    for name in (A, B):
        journal.record_object(name, line(clock))
    monkeypatch.setattr(os, "write", failing(errno.EIO))
    assert not journal.record_removed([A])
    assert not journal.record_removed([B])
    assert journal.pending_removals == 2
    with pytest.raises(OSError, match="Input/output"):
        journal.sync_removals()
    assert set(journal.read().lines) == {A, B}
    monkeypatch.undo()
    journal.sync_removals()
    assert (journal.pending_removals, journal.read().lines) == (0, {})


def test_it_is_settled_when_it_is_on_the_disk_and_not_before(journal, clock, monkeypatch):
    """What the kernel could not write it may have dropped: the next sync would say that all is well."""
    synced = []
    sync = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda fd: synced.append(fd) or sync(fd))
    journal.record_removed([A])
    journal.sync_removals()
    journal.sync_removals()
    assert len(synced) == 1, "nothing new, nothing to wait for"
    journal.record_object(B, line(clock))
    monkeypatch.setattr(os, "fdatasync", failing(errno.EIO))
    with pytest.raises(OSError, match="Input/output"):
        journal.sync_removals()
    assert journal.pending_removals == 1
    monkeypatch.undo()
    journal.sync_removals()
    assert (journal.pending_removals, journal.read().lines) == (0, {}), "begun anew"


def test_more_owed_than_is_remembered_and_nothing_of_the_file_may_count(journal, clock, monkeypatch):
    monkeypatch.setattr(module, "MAX_PENDING", 2)
    for name in (A, B):
        journal.record_object(name, line(clock))
    with monkeypatch.context() as dead:
        dead.setattr(os, "write", failing(errno.EIO))
        dead.setattr("pathlib.Path.write_bytes", failing(errno.EIO))
        for number in range(5):
            journal.record_removed([f"00000000000000dd-{number:x}"])
        assert journal.pending_removals == 1
        with pytest.raises(OSError, match="Input/output"):
            journal.sync_removals()
        assert list(journal.read().lines) == [A, B]
    journal.sync_removals()
    assert (journal.pending_removals, journal.read().lines) == (0, {})


def test_a_folder_that_takes_no_file(tmp_path, clock):
    journal = Journal(tmp_path / "nowhere" / "index")
    with pytest.raises(FileNotFoundError):
        journal.start(JournalContents(), {})
    with pytest.raises(FileNotFoundError):
        journal.record_object(A, line(clock))
    (tmp_path / "nowhere").mkdir()
    journal.record_object(A, line(clock))
    assert list(journal.read().lines) == [A]


def test_in_another_folder_nothing_of_before_counts(journal, clock, tmp_path):
    journal.record_object(A, line(clock))
    (tmp_path / "index").unlink()
    journal.reset()
    journal.record_object(B, line(clock))
    assert list(journal.read().lines) == [B]


def test_numbers_of_names():
    assert number_of("0123456789abcdef-1f") == 31
