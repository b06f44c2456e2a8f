"""Whose frames go next, and how many bytes of each."""

from __future__ import annotations

from collections import Counter

import pytest

from edge.wire.h2.allowance import Allowance
from edge.wire.h2.frame_sender import FrameSender
from edge.wire.h2.frames import Code, ConnectionFault, Kind, reset_frame
from tests.edge.wire.fakes import FakeTransport
from tests.edge.wire.h2.ground import Answering, Ground, body_of, ended, frame, frames_in, headers, of

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"
WIDE = frame(4, 0, 0, b"\0\4\x7f\xff\xff\xff")


def window(stream: int, more: int) -> bytes:
    return frame(8, 0, stream, more.to_bytes(4, "big"))


async def test_parallel_streams_get_equal_bytes() -> None:
    """Whenever the viewer's window stops them, a hundred streams of one urgency are within one turn of one another."""
    ground = Ground(Answering(bytes(1 << 20)))
    ground.gets(WIDE)
    ground.connection.pause_writing()
    ground.gets(*(headers(2 * number + 1) for number in range(8)))
    ground.connection.resume_writing()
    frames = ground.sent()
    for _ in range(5):
        frames += ground.gets(window(0, 1_000_000))
        sent: Counter[int] = Counter()
        for one in of(frames, Kind.DATA):
            sent[one.stream] += len(one.payload)
        assert max(sent.values()) - min(sent[2 * number + 1] for number in range(8)) <= 64 * 1024


async def test_a_slow_stream_does_not_hold_up_the_others() -> None:
    """Its own window is empty; the connection's is not."""
    ground = Ground(Answering(bytes(70_000)))
    ground.gets(window(0, 10_000_000))
    assert not ended(ground.gets(headers(1)))
    ground.gets(frame(4, 0, 0, b"\0\4\0\1\x86\xa0"), frame(4, 0, 0, b"\0\4\0\0\xff\xff"))
    ground.handler.body = b"small"
    assert ended(ground.gets(headers(3))) == [3]


async def test_nothing_is_written_while_the_socket_is_full_but_answers_to_the_protocol() -> None:
    ground = Ground(Answering(bytes(100)))
    ground.connection.pause_writing()
    assert [one.kind for one in ground.gets(headers(1), frame(6, 0, 0, bytes(8)))] == [Kind.PING]
    ground.connection.resume_writing()
    assert ended(ground.sent()) == [1]


@pytest.mark.parametrize("size", [0, 1, 8_192, 8_193, 16_384, 16_385, 65_535])
async def test_a_whole_response_is_sent_at_once(size: int) -> None:
    transport = FakeTransport()
    sender = FrameSender(transport, Allowance())  # type: ignore[arg-type]
    assert sender.send_whole(1, HEAD, bytes(size))
    sent = frames_in(transport.out)
    assert (body_of(sent, 1), ended(sent), sender.window) == (bytes(size), [1], 65_535 - size)


async def test_a_response_that_must_wait_is_not_sent_at_once() -> None:
    transport = FakeTransport()
    sender = FrameSender(transport, Allowance())  # type: ignore[arg-type]
    assert not sender.send_whole(1, HEAD, bytes(65_536))
    sender.paused = True
    assert not sender.send_whole(1, HEAD, b"")
    assert (transport.out, sender.window) == (b"", 65_535)


async def test_frames_of_one_call_go_to_the_transport_together() -> None:
    transport = FakeTransport()
    sender = FrameSender(transport, Allowance())  # type: ignore[arg-type]
    sender.corked = True
    sender.queue(reset_frame(1, Code.CANCEL))
    sender.send_whole(3, HEAD, b"x")
    assert transport.out == b""
    sender.corked = False
    sender.pump()
    assert [one.stream for one in frames_in(transport.out)] == [1, 3, 3]


async def test_a_window_may_not_grow_beyond_its_limit() -> None:
    sender = FrameSender(FakeTransport(), Allowance())  # type: ignore[arg-type]
    sender.widen(2**31 - 1 - 65_535)
    with pytest.raises(ConnectionFault):
        sender.widen(1)
