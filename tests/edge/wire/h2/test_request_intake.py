"""From blocks to requests: the fast path, who waits, and bodies."""

from __future__ import annotations

from typing import Any

import pytest

from edge.wire.h2.frames import Code, Kind
from edge.wire.h2.request_intake import MAX_QUEUED_BYTES
from edge.wire.request import Malformed
from edge.wire.request_template import Grant
from edge.wire.upload import SMALL_BODY
from tests.edge.wire.fakes import MEDIA
from tests.edge.wire.h2.ground import (
    GET,
    OK,
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

GRANT: Any = object()


def plain(path: bytes, more: bytes = b"") -> bytes:
    """The block of a player's second request: all by index but the path."""
    return b"\x82\x87\x04" + bytes((len(path),)) + path + b"\xbe" + more


class Granting(Answering):
    """Grants the folder of each request that it answers in full."""

    def __init__(self, body: bytes = b"ok") -> None:
        super().__init__(body)
        self.names: list[bytes] = []
        self.holds_grant = True

    def handle(self, request: Any, connection: Any) -> None:
        connection.grants[request.target[: request.target.rfind(b"/") + 1]] = GRANT
        super().handle(request, connection)

    def try_fast_path(self, grant: Grant, name: bytes, connection: Any) -> bool:
        if self.holds_grant:
            assert grant is GRANT
            self.names.append(name)
            connection.writelines((OK % (len(self.body), b""), self.body))
        return self.holds_grant


async def test_the_second_request_of_a_granted_folder_takes_the_fast_path() -> None:
    handler = Granting()
    ground = Ground(handler)
    ground.gets(headers(1), headers(3, plain(b"/a/1.m4s")))
    sent = ground.gets(headers(5, plain(b"/a/2.m4s")), headers(7, plain(b"/a/3.m4s")))
    assert (handler.names, len(handler.requests), ended(sent)) == ([b"2.m4s", b"3.m4s"], 2, [5, 7])
    assert (ground.connection.served, ground.counts.h2_requests) == (4, 4)


@pytest.mark.parametrize(
    "block",
    [
        plain(b"/b/2.m4s"),
        plain(b"/a/../x"),
        plain(b"/a/b/2.m4"),
        plain(b"/a/2.m4s?"),
        plain(b"/a/2.m4s", literal(b"range", b"bytes=0-1")),
        b"\x83\x87\x04\x08/a/2.m4s\xbe",
        b"\x20" + plain(b"/a/2.m4s"),
    ],
    ids=["folder", "dots", "deeper", "query", "range", "method", "table"],
)
async def test_any_other_request_takes_the_full_path(block: bytes) -> None:
    handler = Granting()
    ground = Ground(handler)
    ground.gets(headers(1), headers(3, plain(b"/a/1.m4s")), headers(5, block))
    assert handler.names == []


async def test_a_template_ends_when_the_table_changes() -> None:
    """The same bytes may mean another host by then."""
    handler = Granting()
    ground = Ground(handler)
    ground.gets(headers(1), headers(3, plain(b"/a/1.m4s")), headers(5, GET[:-1] + b"b"))
    ground.gets(headers(7, plain(b"/a/2.m4s")))
    assert (handler.names, handler.requests[-1].fields[b"host"]) == ([], b"b")


async def test_a_grant_that_has_ended_is_asked_for_again() -> None:
    handler = Granting()
    ground = Ground(handler)
    ground.gets(headers(1), headers(3, plain(b"/a/1.m4s")))
    handler.holds_grant = False
    sent = ground.gets(headers(5, plain(b"/a/2.m4s")))
    assert (len(handler.requests), ended(sent), goaways(sent)) == (3, [5], [])


async def test_a_hit_that_has_to_wait_is_a_stream_like_any_other() -> None:
    ground = Ground(Granting(bytes(70_000)))
    ground.gets(headers(1), headers(3, plain(b"/a/1.m4s")), frame(8, 0, 0, b"\0\x10\0\0"))
    sent = ground.gets(headers(5, plain(b"/a/2.m4s")), frame(8, 0, 5, b"\0\1\0\0"))
    assert (len(body_of(sent, 5)), ended(sent)) == (70_000, [5])


async def test_requests_wait_while_too_much_waits_for_the_viewer() -> None:
    """Each response keeps its body in memory."""
    ground = Ground(Answering(bytes(MAX_QUEUED_BYTES + 100_000)))
    ground.gets(headers(1), headers(3), headers(5))
    assert len(ground.handler.requests) == 1
    ground.gets(frame(3, 0, 5, b"\0\0\0\x08"))
    ground.handler.body = b"ok"
    sent = ground.gets(frame(3, 0, 1, b"\0\0\0\x08"), frame(8, 0, 0, b"\0\1\0\0"))
    assert (len(ground.handler.requests), ended(sent)) == (2, [3])


# -- bodies --------------------------------------------------------------------------------------------------------


async def test_a_large_body_is_forwarded_and_the_windows_are_given_back() -> None:
    ground = Ground()
    updates = 0
    sent = ground.gets(headers(1, POST, 4))
    for _ in range(20):
        sent = ground.gets(frame(0, 0, 1, bytes(16_000)))
        updates += sum(int.from_bytes(one.payload, "big") for one in of(sent, Kind.WINDOW_UPDATE) if one.stream == 1)
    assert ended(ground.gets(frame(0, 1, 1, b"end"))) == [1]
    assert ground.handler.sink.got.count(b"\0") == 320_000
    assert updates > 320_000 - SMALL_BODY


async def test_more_than_the_window_is_a_fault() -> None:
    ground = Ground(Answering(holds=True))

    class Full:
        unsent = 1

        def abort_request(self) -> None: ...

        def send(self, data: bytes) -> None: ...

    ground.handler.handle = lambda request, writer: request.body.send_to(Full())  # type: ignore[method-assign]
    ground.gets(headers(1, POST, 4))
    sent = []
    for _ in range(9):
        sent += ground.gets(frame(0, 0, 1, bytes(16_000)))
    assert resets(sent) == [(1, Code.FLOW_CONTROL_ERROR)]


@pytest.mark.parametrize(("method", "status"), [(b"GET", 400), (b"POST", 405)])
async def test_media_takes_no_bodies(method: bytes, status: int) -> None:
    ground = Ground(limits=MEDIA)
    sent = ground.gets(headers(1, literal(b":method", method) + b"\x87\x84\x41\x01a", 4), frame(0, 0, 1, b"x"))
    assert ([one.status for one in ground.handler.refused], ended(sent)) == ([status], [1])
    assert resets(sent) == [(1, Code.NO_ERROR)]


async def test_a_body_that_does_not_come_is_refused() -> None:
    ground = Ground()
    ground.gets(headers(1, POST, 4))
    late = Malformed(408, "body-timeout")
    for _ in range(3):
        ground.connection.intake.time_out_bodies(late, lambda ticks, seconds, received: ticks > 2)
    assert [one.reason for one in ground.handler.refused] == ["body-timeout"]
    assert ended(await ground.later()) == [1]


async def test_an_upload_cut_by_the_viewer_reaches_no_end_upstream() -> None:
    ground = Ground()
    ground.gets(headers(1, POST, 4))
    for _ in range(5):
        ground.gets(frame(0, 0, 1, bytes(16_000)))
    ground.gets(frame(3, 0, 1, b"\0\0\0\x08"))
    assert ground.handler.sink.got.endswith(b"<broken>")
    assert ground.handler.lost == [0]
