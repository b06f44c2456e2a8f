"""Records in a segment file: whole, torn, damaged, erased, and bytes of another file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.events.framing import HEADER_BYTES, MAX_RECORD_BYTES, frame_erased, frame_record, read_records


def framed(payloads, base=0):
    data = b""
    for payload in payloads:
        data += frame_record(payload, base + len(data))
    return data


@given(st.lists(st.binary(min_size=1, max_size=200), max_size=8), st.integers(0, 2**40))
def test_what_is_framed_is_read(payloads, base):
    assert [record.payload for record in read_records(framed(payloads, base), base)] == payloads


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=5), st.data())
def test_a_torn_tail_ends_the_segment_before_it(payloads, data):
    whole = framed(payloads)
    cut = data.draw(st.integers(0, len(whole) - 1))
    ends = [record.end for record in read_records(whole, 0)]
    found = list(read_records(whole[:cut], 0))
    assert [record.end for record in found] == [end for end in ends if end <= cut]


@given(st.integers(0, 3 * (HEADER_BYTES + 5) - 1), st.integers(1, 255))
def test_a_changed_byte_ends_the_segment_at_its_record(at, change):
    whole = bytearray(framed([b"first", b"other", b"third"]))
    whole[at] ^= change
    intact = at // (HEADER_BYTES + 5)
    payloads = [record.payload for record in read_records(bytes(whole), 0)]
    assert payloads[:intact] == [b"first", b"other", b"third"][:intact]
    assert b"third" not in payloads[intact:] or intact < 2
    assert [b"first", b"other", b"third"][intact] not in payloads


def test_a_record_of_another_position_is_no_record():
    data = framed([b"first"])
    assert list(read_records(data, base=4096)) == []


def test_an_erased_record_keeps_its_place():
    data = frame_record(b"first", 0)
    second = frame_record(b"secret", len(data))
    data += frame_erased(6, len(data)) + frame_record(b"third", len(data) + len(second))
    assert [record.payload for record in read_records(data, 0)] == [b"first", None, b"third"]


@pytest.mark.parametrize("size", [0, MAX_RECORD_BYTES + 1])
def test_a_record_has_a_bounded_size(size):
    with pytest.raises(ValueError, match="1 to 1048576 bytes"):
        frame_record(bytes(size), 0)
