"""A folder of segments read by cursor: restarts, damage, retention and erasure between two reads."""

import pytest

from services.events.framing import frame_record
from services.events.segments import erased_copy, find_end, list_segments, read_page, segment_path


def write_segment(folder, base, *payloads, garbage=b""):
    data = b""
    for payload in payloads:
        data += frame_record(payload, base + len(data))
    segment_path(folder, base).write_bytes(data + garbage)
    return base + len(data)


def read_all(folder, cursor=0):
    payloads, skipped = [], 0
    while True:
        page = read_page(folder, cursor)
        payloads += [record.payload for record in page.records]
        skipped += page.skipped
        if page.cursor == cursor:
            return payloads, skipped, cursor
        cursor = page.cursor


def test_records_come_in_order_over_all_files(tmp_path):
    end = write_segment(tmp_path, 0, b"a", b"b")
    end = write_segment(tmp_path, end, b"c")
    assert read_all(tmp_path) == ([b"a", b"b", b"c"], 0, end)


def test_a_page_ends_on_a_record_and_the_next_goes_on(tmp_path):
    write_segment(tmp_path, 0, *(bytes([number]) * 40_000 for number in range(1, 100)))
    page = read_page(tmp_path, 0, max_bytes=100_000)
    assert 0 < len(page.records) < 99
    assert len(read_all(tmp_path)[0]) == 99


def test_positions_that_jump_at_a_restart_lose_nothing(tmp_path):
    read_by_then = write_segment(tmp_path, 0, b"a") + 500  # records that a power cut took were read
    write_segment(tmp_path, 10_000, b"b")
    assert read_all(tmp_path, read_by_then)[:2] == ([b"b"], 0)


def test_a_damaged_record_loses_its_segments_rest_and_says_how_much(tmp_path):
    write_segment(tmp_path, 0, b"a", garbage=b"x" * 33)
    write_segment(tmp_path, 1_000, b"b")
    assert read_all(tmp_path)[:2] == ([b"a", b"b"], 33)


def test_the_newest_segments_unfinished_record_is_waited_for(tmp_path):
    end = write_segment(tmp_path, 0, b"a")
    whole = frame_record(b"late", end)
    file = segment_path(tmp_path, 0)
    file.write_bytes(file.read_bytes() + whole[:9])
    assert read_all(tmp_path) == ([b"a"], 0, end)
    file.write_bytes(file.read_bytes() + whole[9:])
    assert read_all(tmp_path, end)[0] == [b"late"]


def test_a_cursor_older_than_what_is_kept_says_how_much_is_gone(tmp_path):
    write_segment(tmp_path, 5_000, b"a")
    assert read_all(tmp_path, 4_000)[:2] == ([b"a"], 1_000)


def test_an_empty_folder_has_no_records(tmp_path):
    (tmp_path / "notes.txt").write_text("not ours")
    (tmp_path / "zz.events").write_text("not ours either")
    assert read_all(tmp_path, 7) == ([], 0, 7)


def test_erasure_keeps_the_other_records_and_their_positions(tmp_path):
    write_segment(tmp_path, 0, b"ann 1", b"bob 1", b"ann 2")
    [segment] = list_segments(tmp_path)
    before = [record.end for record in read_page(tmp_path, 0).records]
    segment.path.write_bytes(erased_copy(segment, lambda payload: payload.startswith(b"ann")))
    page = read_page(tmp_path, 0)
    assert [record.payload for record in page.records] == [None, b"bob 1", None]
    assert [record.end for record in page.records] == before
    assert b"ann" not in segment.path.read_bytes()
    assert erased_copy(segment, lambda payload: payload.startswith(b"ann")) is None


@pytest.mark.parametrize("garbage", [b"", b"\0" * 12, b"\xff" * 40])
def test_the_end_of_a_segment_is_after_its_last_whole_record(tmp_path, garbage):
    end = write_segment(tmp_path, 0, b"a", b"b", garbage=garbage)
    assert find_end(list_segments(tmp_path)[0]) == end
