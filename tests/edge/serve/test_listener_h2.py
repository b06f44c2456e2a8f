"""The sweep over connections of HTTP/2: who waits too long is cut, stream by stream where that is enough."""

from __future__ import annotations

from edge.serve.listener import LINGER_SECONDS_TLS, ViewerListener, ViewerTimeouts
from edge.wire.h2.allowance import MAX_RESETS, RESETS_A_SECOND
from edge.wire.h2.frames import MAX_WINDOW, PREFACE, Code
from edge.wire.head import Limits
from kernel.vocabulary import Abort
from tests.doubles.clock import FakeClock
from tests.edge.wire.h2.ground import GET, POST, Answering, Ground, ended, frame, goaways, headers, literal, resets

TIMES = ViewerTimeouts(head=10, idle=75, stalled=60)


class Swept(Ground):
    """A connection and the listener that sweeps it."""

    def __init__(self, handler: Answering | None = None, *, begun: bool = True) -> None:
        super().__init__(handler, begun=begun)
        self.front = ViewerListener(self.handler, {self.connection}, Limits(), FakeClock(), TIMES)

    async def after(self, seconds: int) -> list[object]:
        for _ in range(seconds):
            self.front.sweep()
        return await self.later()  # type: ignore[return-value]


async def test_an_idle_connection_is_closed_with_a_word_and_then_cut() -> None:
    ground = Swept()
    ground.gets(headers(1))
    assert not await ground.after(75)
    assert goaways(await ground.after(1)) == [(1, Code.NO_ERROR)]  # type: ignore[arg-type]
    assert ground.transport.end == ""
    await ground.after(LINGER_SECONDS_TLS + 1)
    assert ground.transport.end == "closed"


async def test_pings_do_not_keep_an_idle_connection() -> None:
    ground = Swept()
    ground.gets(headers(1))
    sent: list[object] = []
    for _ in range(76):
        ground.gets(frame(6, 0, 0, bytes(8)))
        sent += await ground.after(1)
    assert goaways(sent) == [(1, Code.NO_ERROR)]  # type: ignore[arg-type]


async def test_a_preface_or_frame_that_does_not_come_is_not_awaited_for_long() -> None:
    for data in (PREFACE[:10], PREFACE, PREFACE + frame(4, 0, 0) + headers(1)[:12]):
        ground = Swept(begun=False)
        ground.gets(data)
        assert not goaways(await ground.after(10))  # type: ignore[arg-type]
        assert len(goaways(await ground.after(1))) == 1  # type: ignore[arg-type]


async def test_a_stream_without_room_is_reset_and_the_others_go_on() -> None:
    """A viewer that gives one stream no window holds its body in memory."""
    ground = Swept(Answering(bytes(70_000)))
    ground.gets(headers(1), frame(8, 0, 0, b"\0\x10\0\0"))
    assert resets(await ground.after(61)) == [(1, Code.INTERNAL_ERROR)]  # type: ignore[arg-type]
    assert ground.handler.aborts == [Abort.STALLED]
    ground.handler.body = b"ok"
    assert ended(ground.gets(headers(3))) == [3]


async def test_a_stream_that_waits_for_its_turn_is_not_stalled() -> None:
    """A viewer with a slow link reads what is more urgent for minutes; the other stream was reset."""
    ground = Swept(Answering(bytes(300_000)))
    ground.gets(frame(4, 0, 0, b"\0\4\0\x10\0\0"))
    ground.gets(
        *(headers(number, GET + literal(b"priority", urgency)) for number, urgency in ((1, b"u=1"), (3, b"u=5")))
    )
    for _ in range(130):
        ground.gets(frame(8, 0, 0, b"\0\0\x03\xe8"))
        assert not resets(await ground.after(1))  # type: ignore[arg-type]
    assert len(resets(await ground.after(62))) == 2, "the viewer gives no room any more"  # type: ignore[arg-type]


async def test_a_viewer_that_reads_slowly_keeps_its_streams() -> None:
    """The socket's queue empties for longer than a stream may stall."""
    ground = Swept(Answering(bytes(100_000)))
    ground.gets(headers(1))
    ground.connection.pause_writing()
    for left in range(300, 100, -1):
        ground.transport.queued = left
        assert not resets(await ground.after(1))  # type: ignore[arg-type]
    assert ground.handler.aborts == []


async def test_a_viewer_that_reads_nothing_is_cut() -> None:
    ground = Swept()
    ground.transport.queued = 1000
    for _ in range(130):
        if ground.transport.end:
            break
        await ground.after(1)
    assert (ground.handler.aborts, ground.transport.end) == ([Abort.STALLED], "aborted")


async def test_a_request_that_waits_for_us_is_never_late() -> None:
    ground = Swept(Answering(holds=True))
    ground.gets(headers(1))
    assert not await ground.after(300)
    ground.handler.answer(ground.handler.writers[0])
    assert ended(await ground.later()) == [1]


async def test_a_body_that_stalls_is_refused() -> None:
    ground = Swept()
    ground.gets(headers(1, POST, 4), frame(0, 0, 1, b"x"))
    await ground.after(11)
    assert [one.status for one in ground.handler.refused] == [408]


async def test_bodies_that_stall_after_many_resets_end_their_connection_alone() -> None:
    """The sweep failed at this connection, and checked no others behind it."""
    ground = Swept(Answering(holds=True))
    for number in range(1, 61, 2):
        ground.gets(headers(number, POST, 4), *[frame(0, 0, number, bytes(16_384))] * 2)
        ground.gets(*[frame(0, 0, number, bytes(16_384))] * 2)
    for writer in ground.handler.writers:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    sent, number = [], 61
    for _ in range(11):
        for _ in range(MAX_RESETS if number == 61 else RESETS_A_SECOND):
            ground.gets(headers(number) + frame(3, 0, number, b"\0\0\0\x08"))
            number += 2
        sent += await ground.after(1)
    assert [code for _, code in goaways(sent)] == [Code.ENHANCE_YOUR_CALM]  # type: ignore[arg-type]


async def test_a_drain_names_the_last_stream_after_two_seconds() -> None:
    ground = Swept(Answering(holds=True))
    ground.gets(headers(1))
    ground.front.close()
    assert goaways(ground.gets(headers(3))) == [(MAX_WINDOW, Code.NO_ERROR)]
    assert not await ground.after(1)
    assert goaways(await ground.after(1)) == [(3, Code.NO_ERROR)]  # type: ignore[arg-type]
