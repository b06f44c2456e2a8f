"""A connection's own life: floods, drain, time-outs, what is cancelled, and the end."""

from __future__ import annotations

import pytest

from edge.wire.h2.allowance import MAX_FRAMES, MAX_RESETS
from edge.wire.h2.frames import MAX_WINDOW, Code, Kind
from edge.wire.h2.request_intake import MAX_QUEUED_BYTES
from tests.edge.wire.h2.ground import (
    GET,
    POST,
    Answering,
    Ground,
    body_of,
    ended,
    frame,
    goaways,
    headers,
    literal,
    of,
    resets,
)

CANCEL = b"\0\0\0\x08"
PING = frame(6, 0, 0, bytes(8))


def window(stream: int, more: int) -> bytes:
    return frame(8, 0, stream, more.to_bytes(4, "big"))


# -- floods --------------------------------------------------------------------------------------------------------

FLOODS = {
    "pings": lambda number: PING,
    "settings": lambda number: frame(4, 0, 0),
    "acks": lambda number: frame(4, 1, 0),
    "priorities": lambda number: frame(2, 0, 1, bytes(4) + b"\x01"),
    "unknown frames": lambda number: frame(0x42, 0, 0),
    "window updates": lambda number: window(0, 1),
    "priority updates": lambda number: frame(16, 0, 0, number.to_bytes(4, "big") + b"u=1") if number else PING,
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
async def test_a_flood_of_frames_without_use_ends_the_connection(flood) -> None:  # type: ignore[no-untyped-def]
    ground = Ground()
    sent = ground.gets(*(flood(number) for number in range(MAX_FRAMES + 2)))
    assert goaways(sent) == [(0, Code.ENHANCE_YOUR_CALM)]


async def test_a_flood_of_empty_data_ends_the_connection() -> None:
    ground = Ground()
    sent = ground.gets(headers(1, POST, 4), *[frame(0, 0, 1)] * (MAX_FRAMES + 2))
    assert goaways(sent) == [(1, Code.ENHANCE_YOUR_CALM)]


async def test_rapid_reset_ends_the_connection_and_each_request_is_given_up() -> None:
    """CVE-2023-44487: opened and cancelled at once, so the limit of open streams does not help."""
    ground = Ground(Answering(holds=True))
    sent = ground.gets(*(headers(n) + frame(3, 0, n, CANCEL) for n in range(1, 2 * MAX_RESETS + 9, 2)))
    assert [code for _, code in goaways(sent)] == [Code.ENHANCE_YOUR_CALM]
    assert len(ground.handler.lost) == len(ground.handler.requests) == MAX_RESETS + 1


async def test_streams_that_are_made_to_fail_count_as_well() -> None:
    """CVE-2025-8671: the server is made to reset them."""
    ground = Ground(Answering(holds=True))
    sent = ground.gets(*(headers(n) + window(n, 0) for n in range(1, 2 * MAX_RESETS + 9, 2)))
    assert [code for _, code in goaways(sent)] == [Code.ENHANCE_YOUR_CALM]


async def test_a_viewer_who_seeks_now_and_then_is_no_flood() -> None:
    ground = Ground(Answering(holds=True))
    for n in range(1, 6 * MAX_RESETS, 2):
        assert not goaways(ground.gets(headers(n) + frame(3, 0, n, CANCEL)))
        if n % 16 == 1:
            ground.connection.on_second()


async def test_a_flood_of_continuations_ends_the_connection() -> None:
    ground = Ground()
    sent = ground.gets(headers(1, GET, 1), *[frame(9, 0, 1)] * 40)
    assert goaways(sent) == [(0, Code.ENHANCE_YOUR_CALM)]


async def test_a_block_that_unpacks_to_far_more_ends_the_connection() -> None:
    """An HPACK bomb: one entry of the table, named thousands of times."""
    bomb = GET + b"\x40\x01x\x7f\x81\x1e" + b"v" * 4000 + b"\xbe" * 10_000
    assert goaways(Ground().gets(headers(1, bomb)))[0][1] is Code.ENHANCE_YOUR_CALM


async def test_too_many_fields_are_refused_with_a_status() -> None:
    ground = Ground()
    sent = ground.gets(headers(1, GET + literal(b"a", b"b") * 200))
    assert (ended(sent), ground.handler.refused[0].status) == ([1], 431)


async def test_one_frame_of_thousands_of_settings_ends_the_connection() -> None:
    """CVE-2020-11080: each of them resized the windows of all streams, which took the loop's time."""
    ground = Ground(Answering(holds=True))
    sent = ground.gets(headers(1), frame(4, 0, 0, b"\0\4\0\0\0\x0a" * 2700))
    assert goaways(sent) == [(1, Code.ENHANCE_YOUR_CALM)]


async def test_a_viewer_that_gives_room_back_in_small_steps_gets_a_long_body() -> None:
    """Go's client does so after every 4 KiB, for the stream and for the connection; it was taken for a flood."""
    ground = Ground(Answering(bytes(20 << 20)))
    sent = ground.gets(headers(1))
    while not ended(sent):
        assert not goaways(sent)
        sent = ground.gets(window(1, 4096), window(0, 4096))


# -- flow control --------------------------------------------------------------------------------------------------


async def test_a_body_waits_for_the_viewers_windows() -> None:
    ground = Ground(Answering(bytes(100_000)))
    assert len(body_of(ground.gets(headers(1)), 1)) == 65_535
    assert not await ground.later()
    assert not ground.gets(window(1, 50_000)), "the connection has no room"
    assert len(body_of(ground.gets(window(0, 20_000)), 1)) == 20_000
    sent = ground.gets(window(0, 50_000))
    assert (len(body_of(sent, 1)), ended(sent)) == (100_000 - 85_535, [1])


async def test_a_smaller_initial_window_may_leave_a_stream_below_zero() -> None:
    """§6.9.2."""
    ground = Ground(Answering(bytes(100_000)))
    ground.gets(headers(1))
    ground.gets(frame(4, 0, 0, b"\0\4\0\0\0\x0a"), window(0, 100_000))
    assert not body_of(ground.gets(window(1, 65_525)), 1)
    assert len(body_of(ground.gets(window(1, 7)), 1)) == 7


async def test_no_frame_is_larger_than_the_viewer_allows() -> None:
    ground = Ground(Answering(bytes(60_000)))
    assert max(len(one.payload) for one in ground.gets(headers(1))) == 16_384
    ground.gets(frame(4, 0, 0, b"\0\5\0\0\x80\0"), window(0, 100_000))
    assert max(len(one.payload) for one in ground.gets(headers(3))) == 32_768


async def test_urgent_streams_go_first_and_equals_take_turns() -> None:
    """RFC 9218: by the field, and changed later."""
    ground = Ground(Answering(bytes(200_000)))
    ground.gets(frame(4, 0, 0, b"\0\4\x7f\xff\xff\xff"), window(0, 2**31 - 1 - 65_535))
    ground.connection.pause_writing()
    for number, urgency in ((1, b"u=5"), (3, b"u=1"), (5, b"u=1"), (7, b"u=7")):
        ground.gets(headers(number, GET + literal(b"priority", urgency)))
    ground.gets(frame(16, 0, 0, b"\0\0\0\7u=0"))
    ground.connection.resume_writing()
    sent = ground.sent()
    assert ended(sent) == [7, 3, 5, 1]
    turns = [one.stream for one in of(sent, Kind.DATA)]
    assert turns.index(5) < len(turns) - 1 - turns[::-1].index(3), "streams of one urgency take turns"


# -- cancelled, drained, ended -------------------------------------------------------------------------------------


async def test_a_cancelled_stream_gives_up_its_request_and_sends_no_more() -> None:
    ground = Ground(Answering(holds=True))
    ground.gets(headers(1), headers(3))
    assert not ground.gets(frame(3, 0, 1, CANCEL))
    assert ground.handler.lost == [0]
    ground.handler.answer(ground.handler.writers[0])
    ground.handler.answer(ground.handler.writers[1])
    assert ended(await ground.later()) == [3]
    assert ground.counts.h2_resets == {"viewer": 1}


async def test_a_lost_connection_gives_up_all_its_requests() -> None:
    ground = Ground(Answering(holds=True))
    ground.gets(headers(1), headers(3))
    ground.connection.connection_lost(None)
    assert (sorted(ground.handler.lost), ground.handler.closed, ground.counts.h2_connections) == ([0, 1], 1, 0)


async def test_a_drain_has_two_steps() -> None:
    """§6.8: streams on their way are answered before the last number is named."""
    ground = Ground(Answering(holds=True))
    ground.gets(headers(1))
    ground.connection.close_after_next()
    assert goaways(await ground.later()) == [(MAX_WINDOW, Code.NO_ERROR)]
    ground.gets(headers(3))
    ground.connection.retire()
    assert goaways(await ground.later()) == [(3, Code.NO_ERROR)]
    assert not ground.gets(headers(5)), "it was told not to"
    for writer in ground.handler.writers:
        ground.handler.answer(writer)
    assert (ended(await ground.later()), ground.transport.end) == ([1, 3], "closed")
    assert len(ground.handler.requests) == 2


async def test_frames_of_a_stream_that_a_drain_refused_are_ignored() -> None:
    """They were an error of the connection, which cut the responses that the drain waited for."""
    ground = Ground(Answering(holds=True))
    ground.gets(headers(1))
    ground.connection.close_after_next()
    ground.connection.retire()
    await ground.later()
    late = headers(5, POST, 4), window(5, 10), frame(0, 1, 5, b"x"), frame(3, 0, 7, CANCEL)
    assert not ground.gets(*late)
    ground.handler.answer(ground.handler.writers[0])
    assert ended(await ground.later()) == [1]


async def test_requests_that_wait_for_room_are_not_begun_for_a_lost_viewer() -> None:
    ground = Ground(Answering(bytes(MAX_QUEUED_BYTES + (1 << 20))))
    ground.gets(headers(1), headers(3), headers(5))
    ground.connection.connection_lost(None)
    assert len(ground.handler.requests) == 1


async def test_a_silent_connection_is_closed_at_once_by_a_drain() -> None:
    ground = Ground()
    ground.connection.on_second()
    ground.connection.close_after_next()
    assert goaways(await ground.later()) == [(0, Code.NO_ERROR)]
    assert ground.connection.parted


async def test_a_refused_connection_is_told_to_calm_down() -> None:
    ground = Ground()
    ground.connection.refuse(b"HTTP/1.1 503 No\r\n\r\n")
    assert goaways(await ground.later()) == [(0, Code.ENHANCE_YOUR_CALM)]
    assert not ground.gets(headers(1))


async def test_a_viewer_who_ends_their_side_still_gets_what_they_asked() -> None:
    ground = Ground(Answering(holds=True), eof=True)
    ground.gets(headers(1))
    assert ground.connection.eof_received()
    ground.handler.answer(ground.handler.writers[0])
    assert (ended(await ground.later()), ground.transport.end) == ([1], "closed")


async def test_an_answer_before_the_request_is_whole_asks_the_viewer_to_stop() -> None:
    """§8.1: without an error, and the rest of the body is discarded."""
    ground = Ground(Answering(holds=True))
    ground.gets(headers(1, POST, 4), frame(0, 0, 1, bytes(16_000)), *[frame(0, 0, 1, bytes(16_000))] * 3)
    await ground.later()
    sent = ground.gets(frame(0, 0, 1, bytes(2_000)))
    ground.handler.answer(ground.handler.writers[0])
    sent += await ground.later()
    assert (ended(sent), resets(sent)) == ([1], [(1, Code.NO_ERROR)])
    assert not resets(ground.gets(frame(0, 1, 1, bytes(1000))))


async def test_a_bug_in_the_handler_ends_one_stream() -> None:
    class Broken(Answering):
        def handle(self, request, connection) -> None:  # type: ignore[no-untyped-def]
            if not self.requests:
                self.requests.append(request)
                raise RuntimeError("a bug")
            super().handle(request, connection)

    ground = Ground(Broken())
    sent = ground.gets(headers(1), headers(3))
    assert (resets(sent), ended(sent)) == ([(1, Code.INTERNAL_ERROR)], [3])


async def test_an_interim_response_precedes_the_response() -> None:
    """100 Continue here, for a viewer who waits for it."""
    ground = Ground()
    sent = ground.gets(headers(1, POST + literal(b"expect", b"100-continue"), 4))
    assert [one.payload for one in of(sent, Kind.HEADERS)] == [b"\x08\x03100"]
    assert ended(ground.gets(frame(0, 1, 1, b"x"))) == [1]


async def test_head_has_no_body() -> None:
    sent = Ground().gets(headers(1, literal(b":method", b"HEAD") + b"\x87\x84\x41\x01a"))
    assert [(one.kind, one.flags) for one in sent] == [(Kind.HEADERS, 5)]
