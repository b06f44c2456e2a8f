"""ACCEPT: sockets, TLS, and the sweep that cuts connections which keep the edge waiting.

Once a second the sweep checks every connection. A head that takes more than 10 s is answered 408, and so is a body that
stalls or trickles. An idle connection is closed; one that has read nothing for 60 s is cut. `ViewerTimeouts` holds the
times, from the settings.
"""

from __future__ import annotations

import fcntl
import socket
import ssl
import sys
import termios
from collections.abc import Iterable
from dataclasses import dataclass

from edge.counters import Counts
from edge.settings import EdgeSettings
from edge.upstreams.network import Listener, Network
from edge.wire.accept import Acceptor, Door, Factory, OpenDoor
from edge.wire.h2.h2_server import Http2Connection
from edge.wire.head import Limits
from edge.wire.http1_server import Connection, Handler
from edge.wire.negotiated import H2, NegotiatedProtocol, PrefaceProtocol
from edge.wire.request import Malformed
from edge.wire.response_writer import ViewerConnection
from kernel.clock import Clock, Timer
from kernel.errors import BadSettings
from kernel.settings.table import Address
from kernel.vocabulary import Abort

RETIRING_TICKS = 2
"""Sweeps without a request after which a retiring connection closes: between one and two seconds."""
LINGER_SECONDS = 10
"""How long a refused viewer may go on sending before the connection is cut."""
LINGER_SECONDS_TLS = 2
"""The same over TLS, where the viewer does not see our end before we close."""
BODY_SECONDS = 20
MIN_BODY_RATE = 512
"""A body may take BODY_SECONDS, and a second more for each MIN_BODY_RATE bytes of it."""
STALL_CHECKS = 6
"""How often a stalled viewer is checked within their time: seldom, since each check asks the kernel."""
_BYTES_ACKED = 120
"""Offset of the number of bytes acknowledged by the other side in `struct tcp_info` (Linux 4.6 and newer)."""
LATE_HEAD = Malformed(408, "head-timeout")
LATE_BODY = Malformed(408, "body-timeout")


@dataclass(frozen=True, slots=True)
class ViewerTimeouts:
    """Seconds to wait: for a head (or the first byte), for the next request, for a viewer that reads nothing."""

    head: float = 10
    idle: float = 75
    stalled: float = 60


DEFAULT_TIMEOUTS = ViewerTimeouts()


def timeouts_of(settings: EdgeSettings) -> ViewerTimeouts:
    """The timeouts that the settings configure."""
    return ViewerTimeouts(settings.head_timeout, settings.idle_timeout, settings.stall_timeout)


def alpn_of(settings: EdgeSettings) -> tuple[str, ...]:
    """The protocols that viewers are offered by TLS, the preferred one first."""
    return ("http/1.1",) if settings.http2 == "off" else (H2, "http/1.1")


def bytes_queued(connection: ViewerConnection) -> int:
    """Bytes the viewer has not received yet: ours and the kernel's, which may hold megabytes for a slow one."""
    queued = connection.unsent
    sock = connection.transport.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        in_kernel = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4))
        queued += int.from_bytes(in_kernel, sys.byteorder)
    return queued


def bytes_taken(connection: ViewerConnection) -> int:
    """A number that grows whenever the viewer receives something; the length of the queue alone does not show it."""
    sock = connection.transport.get_extra_info("socket")
    if sock is None or sock.fileno() < 0:
        return -connection.unsent
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED + 8)
    return int.from_bytes(info[_BYTES_ACKED:], sys.byteorder)


class ViewerListener:
    """Accepts viewers and checks their connections."""

    def __init__(
        self,
        handler: Handler,
        connections: Iterable[ViewerConnection],
        limits: Limits,
        clock: Clock,
        timeouts: ViewerTimeouts = DEFAULT_TIMEOUTS,
        door: Door | None = None,
        *,
        counts: Counts | None = None,
        prior_knowledge: bool = False,
    ) -> None:
        self.timeouts = timeouts
        """Replaced when control pushes others."""
        self._handler = handler
        self._connections = connections
        self._limits = limits
        self._clock = clock
        self._door = door
        self._prior_knowledge = prior_knowledge
        self._counts = counts or Counts()
        self._listener: Listener | None = None
        self._timer: Timer | None = None

    async def open(self, network: Network, address: Address, tls: ssl.SSLContext | None) -> Address:
        """Listen; returns the bound address. BadSettings if that fails."""
        try:
            self._listener = await network.listen(address, self._factory(tls), tls, self._door)
        except OSError as error:
            raise BadSettings("listen", f"{address} cannot be listened on: {error.strerror or error}") from None
        if self._timer is not None:  # opened again after a drain
            self._timer.cancel()
        self._timer = self._clock.call_later(1.0, self._tick)
        return self._listener.address

    def _factory(self, tls: ssl.SSLContext | None) -> Factory:
        def http1() -> Connection:
            return Connection(self._handler, self._limits)

        def http2() -> Http2Connection:
            return Http2Connection(self._handler, self._limits, self._counts)

        door = self._door or OpenDoor()
        if tls is not None:
            return lambda: NegotiatedProtocol(http1, http2, door)
        return (lambda: PrefaceProtocol(http1, http2)) if self._prior_knowledge else http1

    def _tick(self) -> None:
        self._timer = self._clock.call_later(1.0, self._tick)
        self.sweep()

    def sweep(self) -> None:
        """Check every connection: one second has passed."""
        for connection in tuple(self._connections):
            if isinstance(connection, Connection):
                connection.ticks += 1
                self._check_http1(connection)
            elif isinstance(connection, Http2Connection):
                connection.on_second()
                self._check_http2(connection)

    def _check_http1(self, connection: Connection) -> None:
        if connection.upload is not None:
            self._watch_upload(connection)
        elif connection.lingering:
            self._check_lingering(connection)
        elif connection.paused or connection.unsent:
            self._check_stalled(connection)
        elif connection.busy:
            connection.ticks = 0  # the viewer waits for us
        elif connection.in_body:
            self._check_body(connection)
        elif connection.in_head:
            if connection.ticks > self.timeouts.head:
                self._time_out(connection, LATE_HEAD)
        elif connection.retiring:
            if connection.ticks >= RETIRING_TICKS:
                connection.close_idle()
        elif connection.ticks > (self.timeouts.idle if connection.served else self.timeouts.head):
            connection.close_idle()

    def _check_http2(self, connection: Http2Connection) -> None:
        """The same for a connection of HTTP/2; a stream whose viewer gives its window no room is reset by itself."""
        timeouts, streams = self.timeouts, connection.table.streams
        if connection.lingering:
            self._check_lingering(connection)
        elif connection.blocked:
            self._check_stalled(connection)
        elif connection.in_frame and connection.frame_ticks > timeouts.head:
            connection.time_out()
        elif connection.retiring and connection.drain_ticks >= RETIRING_TICKS:
            connection.retire()
        elif not streams and connection.ticks > (timeouts.idle if connection.served else timeouts.head):
            connection.close_idle()
        for stream in tuple(streams.values()):
            if stream.ticks > timeouts.stalled:
                stream.abort(Abort.STALLED)
        connection.time_out_bodies(LATE_BODY, self._is_late)

    def _is_late(self, ticks: int, seconds: int, received: int) -> bool:
        """Whether a body stalls, or trickles."""
        return ticks > self.timeouts.head or seconds > BODY_SECONDS + received // MIN_BODY_RATE

    def _time_out(self, connection: Connection, why: Malformed) -> None:
        self._handler.refuse_malformed(why, connection)
        connection.finish()

    def _check_body(self, connection: Connection) -> None:
        """Time out a body that stalls longer than a head may take, or trickles."""
        connection.body_ticks += 1
        limit = BODY_SECONDS + connection.body_received // MIN_BODY_RATE
        if connection.ticks > self.timeouts.head or connection.body_ticks > limit:
            self._time_out(connection, LATE_BODY)

    def _watch_upload(self, connection: Connection) -> None:
        """The same for a body that is forwarded while it is received; time during which we hold the viewer back is
        ours."""
        if connection.holds_back:
            connection.ticks = 0
            return
        connection.body_ticks += 1
        limit = BODY_SECONDS + connection.body_received // MIN_BODY_RATE
        if connection.ticks > self.timeouts.head or connection.body_ticks > limit:
            connection.abort_upload(LATE_BODY)

    def _check_lingering(self, connection: Connection | Http2Connection) -> None:
        """Our side is ended: a viewer that still reads may go on; one that only keeps their side open is cut."""
        one_sided = connection.transport.can_write_eof()
        if not one_sided and connection.ticks > LINGER_SECONDS_TLS and not connection.unsent:
            connection.transport.close()
            return
        if connection.ticks <= LINGER_SECONDS:
            return
        queued = bytes_queued(connection)
        if queued == 0:
            connection.transport.close()  # all is received, perhaps unread: a reset might discard it
        elif queued != connection.last_progress:
            connection.last_progress, connection.ticks = queued, 0
        elif connection.ticks > self.timeouts.stalled:
            connection.abort(Abort.LINGERED)

    def _check_stalled(self, connection: Connection | Http2Connection) -> None:
        """A viewer that reads, however slowly, may go on; one that received nothing for a minute is cut."""
        stalled = self.timeouts.stalled
        if connection.ticks <= stalled // STALL_CHECKS and connection.last_progress:
            return  # do not ask the kernel about many connections every second
        taken = bytes_taken(connection)
        if taken != connection.last_progress:
            connection.last_progress = taken
            connection.ticks = 0
        elif connection.ticks > stalled:
            connection.abort(Abort.STALLED)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """The listening sockets, to be handed to a successor."""
        return self._listener.descriptors if isinstance(self._listener, Acceptor) else ()

    def close(self) -> None:
        """Stop accepting. Every connection may finish its response and make one more request, which is answered with
        `close`."""
        if self._listener is not None:
            self._listener.close()
        for connection in tuple(self._connections):
            connection.close_after_next()

    def abort_connections(self) -> None:
        """End the remaining connections."""
        if self._timer is not None:
            self._timer.cancel()
        for connection in tuple(self._connections):
            if connection.parted:
                connection.transport.close()  # the kernel sends the rest
            else:
                connection.abort(Abort.SHUTDOWN)
