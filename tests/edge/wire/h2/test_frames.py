"""Frames: hyperframe says the same of ours, and of any bytes the parser makes events or a fault, never an error."""

from __future__ import annotations

import hyperframe.frame as theirs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from edge.wire.h2.frames import (
    PREFACE,
    Code,
    ConnectionFault,
    FrameParser,
    Setting,
    goaway_frame,
    headers_frames,
    ping_ack,
    reset_frame,
    settings_frame,
    window_update_frame,
)
from tests.edge.wire.h2.ground import SETTINGS, frame, frames_in


def parsed(data: bytes) -> theirs.Frame:
    made, size = theirs.Frame.parse_frame_header(memoryview(data[:9]))
    assert size == len(data) - 9
    made.parse_body(memoryview(data[9:]))
    return made


def test_what_we_send_is_what_another_reads() -> None:
    assert parsed(reset_frame(5, Code.CANCEL)).error_code == 8
    away = parsed(goaway_frame(7, Code.PROTOCOL_ERROR, "why"))
    assert (away.last_stream_id, away.error_code, away.additional_data) == (7, 1, b"why")
    assert parsed(window_update_frame(3, 70_000)).window_increment == 70_000
    assert parsed(settings_frame({Setting.MAX_CONCURRENT_STREAMS: 100})).settings == {3: 100}
    assert parsed(ping_ack(b"12345678")).flags == {"ACK"}


@pytest.mark.parametrize(("size", "kinds"), [(10, [1]), (20, [1]), (21, [1, 9]), (60, [1, 9, 9])])
def test_a_large_block_goes_on_in_continuations(size: int, kinds: list[int]) -> None:
    block = bytes(range(size))
    found = frames_in(headers_frames(3, block, end_stream=True, max_frame=20))
    assert [one.kind for one in found] == kinds
    assert b"".join(one.payload for one in found) == block
    assert [bool(one.flags & 4) for one in found] == [False] * (len(found) - 1) + [True]
    assert [bool(one.flags & 1) for one in found if one.kind == 1] == [True]


ANY = some.builds(
    frame,
    some.one_of(some.integers(0, 9), some.integers(0, 255)),
    some.integers(0, 255),
    some.one_of(some.integers(0, 5), some.integers(0, 2**32 - 1)),
    some.binary(max_size=40),
)


@settings(max_examples=150, deadline=None)
@given(data=some.lists(ANY, max_size=8).map(b"".join), cut=some.integers(1, 50), noise=some.binary(max_size=20))
def test_any_bytes_are_events_or_a_fault_however_they_are_cut(data: bytes, cut: int, noise: bytes) -> None:
    def read(size: int) -> tuple[list[object], Code | None]:
        parser, found, stream = FrameParser(1000), [], PREFACE + SETTINGS + data + noise
        try:
            for at in range(0, len(stream), size):
                found += parser.feed(stream[at : at + size])
        except ConnectionFault as fault:
            return found, fault.code
        return found, None

    assert read(cut) == read(10_000)
