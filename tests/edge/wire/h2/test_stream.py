"""One stream as the writer of a response."""

from __future__ import annotations

from typing import Any

from cache.body import MemoryFile
from edge.wire.h2.frames import Code, Kind
from edge.wire.h2.stream import QUEUE_HIGH, Stream
from kernel.vocabulary import Abort
from tests.edge.wire.h2.ground import Answering, Ground, body_of, ended, frame, headers, of, resets

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"
ROOM = frame(4, 0, 0, b"\0\4\x7f\xff\xff\xff") + frame(8, 0, 0, b"\x10\0\0\0")


def held() -> tuple[Ground, Stream]:
    """A stream whose request is being answered."""
    ground = Ground(Answering(holds=True))
    ground.gets(headers(1))
    writer: Any = ground.handler.writers[0]
    return ground, writer


async def test_pieces_go_in_their_order_and_the_end_goes_with_the_last() -> None:
    ground, stream = held()
    stream.writelines((HEAD + b"ab", memoryview(b"cd")))
    stream.send(b"ef", b"-gh-", 1, 3)
    stream.send(b"", MemoryFile([b"--ij"]), 2, 4)
    stream.done()
    sent = await ground.later()
    assert (body_of(sent, 1), ended(sent)) == (b"abcdefghij", [1])
    assert sent[-1].payload == b"ij"


async def test_an_end_that_comes_later_is_a_frame_of_its_own() -> None:
    ground, stream = held()
    stream.write(HEAD)
    stream.write(b"body")
    assert not ended(await ground.later())
    stream.done()
    assert [(one.kind, one.flags, one.payload) for one in await ground.later()] == [(Kind.DATA, 1, b"")]


async def test_a_writer_is_paused_while_the_viewer_has_no_room_and_goes_on_when_it_has() -> None:
    ground, stream = held()
    told: list[str] = []
    stream.on_resume = lambda: told.append("resume")
    stream.write(HEAD + bytes(QUEUE_HIGH + 65_535))
    await ground.later()
    assert (stream.paused, told) == (True, [])
    ground.gets(ROOM)
    assert (stream.paused, told) == (False, ["resume"])


async def test_an_aborted_response_is_reset_and_its_rest_is_not_sent() -> None:
    ground, stream = held()
    stream.write(HEAD + bytes(100_000))
    stream.abort(Abort.BROKEN_OFF, "why")
    sent = await ground.later()
    assert (resets(sent), body_of(sent, 1), ground.handler.aborts) == (
        [(1, Code.INTERNAL_ERROR)], b"", [Abort.BROKEN_OFF],
    )  # fmt: skip
    stream.write(b"more")
    stream.done()
    assert not await ground.later()
    assert ground.connection.table.queued == 0


async def test_a_file_that_cannot_be_read_aborts_the_response_where_it_stands() -> None:
    class Broken(MemoryFile):
        def view(self, first: int, stop: int) -> memoryview:
            if first:
                raise OSError("a bad sector")
            return super().view(first, stop)

    ground, stream = held()
    stream.send(HEAD, Broken([bytes(200_000)]), 0, 200_000)
    stream.done()
    sent = ground.gets(ROOM)
    assert (resets(sent), ground.handler.aborts) == ([(1, Code.INTERNAL_ERROR)], [Abort.BODY_FILE])


async def test_what_is_to_be_done_when_the_request_is_answered_is_done_once() -> None:
    ground, stream = held()
    done: list[str] = []
    stream.when_done(lambda: done.append("once"))
    stream.write(HEAD)
    stream.done()
    ground.connection.connection_lost(None)
    assert (done, ground.handler.lost) == (["once"], [])


async def test_interim_heads_are_passed_on_before_the_head() -> None:
    ground, stream = held()
    stream.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
    stream.write(HEAD)
    stream.done()
    assert [one.flags for one in of(await ground.later(), Kind.HEADERS)] == [4, 5]
