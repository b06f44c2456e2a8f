"""hyper-h2 as the oracle: the same bytes to both servers, and our bytes to its client.

Whatever a client of hyper-h2 sends, both read the same requests from it, and it gets every body whole from us, within
its windows. And whatever becomes of those bytes on the way: no request that we hand on is one that it did not read.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError, StreamClosedError
from h2.settings import SettingCodes
from hypothesis import given, settings
from hypothesis import strategies as some

from tests.edge.wire.h2.ground import Answering, Ground

BODY = bytes(range(256)) * 300
"""More than the default window."""
FIELDS = some.lists(
    some.tuples(
        some.sampled_from(["x-a", "x-b", "cookie", "accept", "priority"]), some.sampled_from(["1", "u=1", "b=c"])
    ),
    max_size=4,
)
STEPS = some.lists(
    some.one_of(
        some.tuples(some.just("get"), some.text("abc0123/-._", max_size=12), FIELDS),
        some.tuples(some.just("post"), some.lists(some.integers(0, 3_000), max_size=4), FIELDS),
        some.tuples(some.just("reset")),
        some.tuples(some.just("ping")),
        some.tuples(some.just("window"), some.integers(1, 100_000)),
        some.tuples(some.just("initial"), some.sampled_from([0, 10, 65_535, 200_000])),
        some.tuples(some.just("frame"), some.sampled_from([16_384, 20_000, 100_000])),
    ),
    min_size=1,
    max_size=8,
)


def play(steps: list[Any]) -> tuple[H2Connection, bytes, set[int]]:
    """A client that does these things: its connection, its bytes, and the streams that it cancelled."""
    client = H2Connection(H2Configuration(client_side=True, header_encoding=None))
    client.initiate_connection()
    number, cancelled = -1, set()
    for what, *more in steps:
        if what in ("get", "post"):
            number += 2
            path = "/" + (more[0] if what == "get" else "upload")
            head = [(":method", what.upper()), (":scheme", "https"), (":authority", "e.example"), (":path", path)]
            pieces = [] if what == "get" else more[0]
            client.send_headers(number, head + more[1], end_stream=not pieces)
            for place, size in enumerate(pieces, 1):
                client.send_data(number, b"d" * size, end_stream=place == len(pieces), pad_length=size % 3 or None)
        elif what == "reset" and number > 0 and number not in cancelled:
            client.reset_stream(number, 8)
            cancelled.add(number)
        elif what == "ping":
            client.ping(b"12345678")
        elif what == "window":
            client.increment_flow_control_window(more[0])
        elif what == "initial":
            client.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: more[0]})
        elif what == "frame":
            client.update_settings({SettingCodes.MAX_FRAME_SIZE: more[0]})
    return client, client.data_to_send(), cancelled


def joined(fields: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Fields as a Request has them."""
    found: dict[bytes, bytes] = {}
    for name, value in fields:
        name = {b":authority": b"host"}.get(name, name)
        if not name.startswith(b":"):
            found[name] = found[name] + (b"; " if name == b"cookie" else b", ") + value if name in found else value
    return found


def pieces_of(data: bytes, preface: int = 24) -> list[bytes]:
    """The preface, then a frame at a time, so that what comes before a fault is seen."""
    pieces, at = [data[:preface]], preface
    while at < len(data):
        stop = at + 9 + int.from_bytes(data[at : at + 3], "big")
        pieces.append(data[at:stop])
        at = stop
    return pieces


def read_by_oracle(data: bytes) -> tuple[list[tuple[bytes, dict[bytes, bytes], int]], bool]:
    """(target, fields, length of the body) of each whole request, and whether the oracle found nothing wrong."""
    server = H2Connection(H2Configuration(client_side=False, header_encoding=None))
    server.initiate_connection()
    begun: dict[int, list[Any]] = {}
    found = []
    try:
        for piece in pieces_of(data):
            for event in server.receive_data(piece):
                if isinstance(event, RequestReceived):
                    fields: Any = [(bytes(name), bytes(value)) for name, value in event.headers]
                    begun[event.stream_id] = [dict(fields)[b":path"], joined(fields), 0]
                elif isinstance(event, DataReceived):
                    begun[event.stream_id][2] += len(event.data)
                    server.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, StreamEnded):
                    target, read, size = begun[event.stream_id]
                    found.append((target, read, size))
    except ProtocolError:
        return found, False
    return found, True


def read_by_us(ground: Ground) -> list[tuple[bytes, dict[bytes, bytes], int]]:
    return [(one.target, one.fields, len(one.body)) for one in ground.handler.requests]  # type: ignore[arg-type]


async def converse(client: H2Connection, data: bytes, ground: Ground) -> dict[int, bytes]:
    """Let the client read to the end, giving its windows back; the bodies that it got whole."""
    bodies: dict[int, bytes] = {}
    whole: dict[int, bytes] = {}
    ground.connection.data_received(data)
    for _ in range(400):
        await asyncio.sleep(0)
        out, ground.transport.out = ground.transport.out, b""
        if not out:
            break
        # A frame at a time: within one call the client does not apply its own settings.
        for event in [event for piece in pieces_of(out, 0) for event in client.receive_data(piece)]:
            if isinstance(event, DataReceived):
                bodies[event.stream_id] = bodies.get(event.stream_id, b"") + event.data
                if event.flow_controlled_length:
                    client.increment_flow_control_window(event.flow_controlled_length)
                    with contextlib.suppress(StreamClosedError):
                        client.increment_flow_control_window(50_000, event.stream_id)
            elif isinstance(event, StreamEnded):
                whole[event.stream_id] = bodies.get(event.stream_id, b"")
            elif isinstance(event, StreamReset):
                whole.pop(event.stream_id, None)
        ground.connection.data_received(client.data_to_send())
    return whole


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_a_client_gets_what_it_asks_and_both_servers_read_the_same(steps: list[Any]) -> None:
    async def run() -> None:
        client, data, cancelled = play(steps)
        ground = Ground(Answering(BODY), begun=False)
        whole = await converse(client, data, ground)
        theirs, fine = read_by_oracle(data)
        assert fine
        assert read_by_us(ground) == theirs
        # A window of 0 stops a stream for good, unless it was given room again.
        starved = any(step[0] == "initial" and step[1] < 65_535 for step in steps)
        assert all(body == BODY for body in whole.values())
        if not starved:
            asked = {2 * place + 1 for place in range(sum(step[0] in ("get", "post") for step in steps))}
            assert set(whole) >= asked - cancelled

    asyncio.run(run())


@settings(max_examples=80, deadline=None)
@given(
    steps=STEPS, flips=some.lists(some.tuples(some.integers(0, 10_000), some.integers(0, 255)), min_size=1, max_size=3)
)
def test_what_is_damaged_on_the_way_is_no_request_of_another_meaning(steps: list[Any], flips: list[Any]) -> None:
    async def run() -> None:
        _, data, _ = play(steps)
        damaged = bytearray(data)
        for at, value in flips:
            damaged[at % len(data)] = value
        ground = Ground(Answering(b"ok"), begun=False)
        ground.connection.data_received(bytes(damaged))
        theirs, fine = read_by_oracle(bytes(damaged))
        ours = read_by_us(ground)
        if fine:
            assert all(one in theirs for one in ours)
        else:
            # It stops at the first fault; we go on with the other streams after a fault of one.
            assert ours[: len(theirs)] == theirs or all(one in theirs for one in ours)

    asyncio.run(run())
