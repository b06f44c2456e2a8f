"""The door: what the once-a-second sweep does to whom, TLS that cannot be used, an address that is taken."""

import pytest

from edge.serve.listener import (
    BODY_SECONDS,
    LINGER_SECONDS,
    LINGER_SECONDS_TLS,
    MIN_BODY_RATE,
    RETIRING_TICKS,
    ViewerListener,
    ViewerTimeouts,
)
from edge.upstreams.network import LoopNetwork
from edge.wire.head import Limits
from kernel.errors import BadSettings
from kernel.settings.table import Address
from kernel.vocabulary import Abort
from tests.doubles.clock import FakeClock
from tests.doubles.network import MemoryNetwork
from tests.edge.wire.fakes import FakeTransport, Remembering, connected

HEAD_SECONDS, IDLE_SECONDS, STALLED_SECONDS = 10, 75, 60
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


class Door:
    """A front with one connection."""

    def __init__(self, *, holds: bool = False) -> None:
        self.handler = Remembering(holds=holds)
        self.connection, self.transport = connected(self.handler)
        self.front = ViewerListener(self.handler, {self.connection}, Limits(), FakeClock())

    def seconds(self, number: int) -> str:
        """How the connection ended after so many sweeps."""
        for _ in range(number):
            if not self.transport.end:
                self.front.sweep()
        return self.transport.end


def test_a_connection_that_says_nothing_is_closed():
    door = Door()
    assert door.seconds(HEAD_SECONDS) == ""
    assert door.seconds(1) == "closed"
    assert door.transport.out == b""


def test_a_head_that_does_not_become_whole_is_408():
    door = Door()
    door.connection.data_received(GET[:5])
    for byte in GET[5:15]:
        assert door.seconds(1) == ""
        door.connection.data_received(bytes((byte,)))
    assert door.seconds(1) == "eof"
    assert door.transport.out == b"<408 head-timeout>"


def test_a_connection_that_is_to_end_ends_after_a_quiet_moment():
    door = Door()
    door.connection.data_received(GET)
    door.front.close()
    assert door.seconds(RETIRING_TICKS - 1) == ""
    assert door.seconds(1) == "closed"


def test_while_draining_what_is_asked_for_is_answered_and_a_head_is_waited_for():
    door = Door()
    door.connection.data_received(GET)
    door.front.close()
    assert door.seconds(RETIRING_TICKS - 1) == ""
    door.connection.data_received(GET[:5])
    assert door.seconds(HEAD_SECONDS) == ""
    door.connection.data_received(GET[5:])
    assert (door.transport.out, door.transport.end) == (b"<1><2>", "eof")


POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 102400\r\n\r\n"


def test_a_body_may_take_its_time_as_long_as_it_moves():
    door = Door()
    door.connection.data_received(POST)
    for _ in range(5):
        door.connection.data_received(b"x" * MIN_BODY_RATE * HEAD_SECONDS)
        assert door.seconds(HEAD_SECONDS) == ""
    assert door.seconds(1) == "eof"
    assert door.transport.out == b"<408 body-timeout>"


def test_a_body_that_trickles_is_not_waited_for_for_ever():
    door = Door()
    door.connection.data_received(POST)
    for _ in range(BODY_SECONDS):
        door.connection.data_received(b"x")
        assert door.seconds(1) == ""
    door.connection.data_received(b"x")
    assert door.seconds(1) == "eof"
    assert door.transport.out == b"<408 body-timeout>"


def test_a_slow_but_steady_body_arrives():
    door = Door()
    door.connection.data_received(POST)
    for _ in range(102_400 // MIN_BODY_RATE):
        door.connection.data_received(b"x" * MIN_BODY_RATE)
        assert door.seconds(1) == ""
    assert door.transport.out == b"<1>"


def test_how_long_is_waited_can_be_set():
    door = Door()
    door.front = ViewerListener(
        door.handler, {door.connection}, Limits(), FakeClock(), ViewerTimeouts(head=2, idle=4, stalled=6)
    )
    door.connection.data_received(GET)
    assert door.seconds(4) == ""
    assert door.seconds(1) == "closed"


def test_over_tls_a_refused_viewer_is_heard_out_for_a_short_while():
    door = Door()
    door.transport._eof = False
    door.connection.data_received(b"\0")
    assert door.seconds(LINGER_SECONDS_TLS) == ""
    assert door.seconds(1) == "closed"


def test_an_idle_connection_is_closed_later():
    door = Door()
    door.connection.data_received(GET)
    assert door.seconds(IDLE_SECONDS) == ""
    assert door.seconds(1) == "closed"


def test_who_waits_for_us_is_not_cut():
    door = Door(holds=True)
    door.connection.data_received(GET)
    assert door.seconds(1000) == ""


@pytest.mark.parametrize("paused", [True, False])
@pytest.mark.parametrize("holds", [True, False])
def test_who_takes_nothing_for_a_minute_is_cut(paused: bool, holds: bool):
    """Whether the response is still being written or all of it lies in the queue."""
    door = Door(holds=holds)
    door.connection.data_received(GET)
    door.transport.queued = 1000
    if paused:
        door.connection.pause_writing()
    assert door.seconds(STALLED_SECONDS) == ""
    assert door.seconds(STALLED_SECONDS // 4) == "aborted"


def test_who_takes_a_little_every_half_minute_is_not_cut():
    door = Door()
    door.connection.data_received(GET)
    for left in range(100, 0, -1):
        door.transport.queued = left
        assert door.seconds(STALLED_SECONDS // 2) == ""


def test_who_was_refused_and_does_not_leave_is_cut():
    door = Door()
    door.connection.data_received(b"\0")
    assert door.transport.end == "eof"
    for _ in range(LINGER_SECONDS):
        door.front.sweep()
        door.connection.data_received(b"more")
    assert door.transport.end == "eof"
    door.front.sweep()
    assert door.transport.end == "closed"


def test_who_pauses_within_the_end_of_a_last_answer_is_not_cut_before_others_would_be(monkeypatch):
    """Seen: eleven seconds without a byte taken reset what the kernel still held of it."""
    door, left = Door(), [1_000_000]
    monkeypatch.setattr("edge.serve.listener.bytes_queued", lambda _: left[0])
    door.connection.data_received(LAST)
    assert door.transport.end == "eof"
    for _ in range(STALLED_SECONDS):
        door.front.sweep()
    left[0] -= 1
    for _ in range(STALLED_SECONDS):
        door.front.sweep()
    assert (door.transport.end, door.handler.aborts) == ("eof", [])
    for _ in range(STALLED_SECONDS):
        door.front.sweep()
    assert (door.transport.end, set(door.handler.aborts)) == ("aborted", {Abort.LINGERED})


def test_closing_lets_responses_finish_and_cutting_does_not():
    idle, busy = Door(), Door(holds=True)
    busy.connection.data_received(GET)
    for door in (idle, busy):
        door.seconds(1)
        door.front.close()
    assert (idle.transport.end, busy.transport.end) == ("closed", "")
    assert busy.seconds(RETIRING_TICKS + 1) == ""
    busy.handler.answer(busy.connection)
    assert busy.seconds(RETIRING_TICKS) == "closed"
    stuck = Door(holds=True)
    stuck.connection.data_received(GET)
    stuck.front.abort_connections()
    assert stuck.transport.end == "aborted"


async def test_the_sweep_comes_every_second_until_the_end():
    clock, network, handler = FakeClock(), MemoryNetwork(), Remembering()
    front = ViewerListener(handler, set(), Limits(), clock)
    swept = []
    front.sweep = lambda: swept.append(clock.now)
    address = await front.open(network, Address("127.0.0.1", 0), None)
    await clock.advance(3)
    assert len(swept) == 3
    assert address in network.listening
    front.close()
    front.abort_connections()
    await clock.advance(3)
    assert len(swept) == 3
    assert address not in network.listening


async def test_an_address_that_is_taken_is_the_operators_fault():
    first = ViewerListener(Remembering(), set(), Limits(), FakeClock())
    address = await first.open(LoopNetwork(), Address("127.0.0.1", 0), None)
    second = ViewerListener(Remembering(), set(), Limits(), FakeClock())
    with pytest.raises(BadSettings, match=f"{address} cannot be listened on") as failed:
        await second.open(LoopNetwork(), address, None)
    assert failed.value.setting == "listen"
    first.close()
    first.abort_connections()


def test_where_there_is_no_socket_the_transports_queue_counts():
    door = Door()
    assert isinstance(door.transport, FakeTransport)
    door.connection.data_received(GET)
    door.transport.queued = 7
    door.seconds(1)
    assert door.connection.last_progress == -7
