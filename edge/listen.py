"""ACCEPT: sockets, TLS, limits of connections, and the sweep that cuts who keeps us waiting.

Once a second the sweep looks at every connection: a head that does not come within 10 s is answered 408, a connection
that never said anything is closed, one that is idle too long is closed, one that has stopped reading for 60 s is cut.
"""

from __future__ import annotations

import fcntl
import ssl
import sys
import termios
from collections.abc import Iterable
from pathlib import Path

from edge.network import Listener, Network
from edge.wire.h1 import Connection, Handler
from edge.wire.request import Malformed
from edge.wire.request_reader import Limits
from kernel.clock import Clock, Timer
from kernel.errors import BadSettings
from kernel.settings import Address

HEAD_SECONDS = 10
IDLE_SECONDS = 75
STALLED_SECONDS = 60
LINGER_SECONDS = 10
"""How long a viewer who was refused may go on sending before he is cut."""
LATE_HEAD = Malformed(408, "head-timeout")


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """The server's TLS: 1.2 and newer, http/1.1; BadSettings when certificate and key cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise BadSettings("tls_cert", f"{certificate} and {key} cannot be used: {error}") from None
    return context


def bytes_queued(connection: Connection) -> int:
    """Bytes the viewer has not taken yet: ours and the kernel's, which may hold megabytes for a slow one."""
    queued = connection.unsent
    sock = connection.transport.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        in_kernel = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4))
        queued += int.from_bytes(in_kernel, sys.byteorder)
    return queued


class Front:
    """Accepts viewers and keeps watch over their connections."""

    def __init__(self, handler: Handler, connections: Iterable[Connection], limits: Limits, clock: Clock) -> None:
        self._handler = handler
        self._connections = connections
        self._limits = limits
        self._clock = clock
        self._listener: Listener | None = None
        self._timer: Timer | None = None

    async def open(self, network: Network, address: Address, tls: ssl.SSLContext | None) -> Address:
        """Listen; the bound address. BadSettings when it cannot be had."""
        try:
            self._listener = await network.listen(address, lambda: Connection(self._handler, self._limits), tls)
        except OSError as error:
            raise BadSettings("listen", f"{address} cannot be listened on: {error.strerror or error}") from None
        self._timer = self._clock.call_later(1.0, self._tick)
        return self._listener.address

    def _tick(self) -> None:
        self._timer = self._clock.call_later(1.0, self._tick)
        self.sweep()

    def sweep(self) -> None:
        """One second has passed for every connection."""
        for connection in tuple(self._connections):
            connection.ticks += 1
            if connection.lingering:
                self._watch_parting(connection)
            elif connection.paused or connection.unsent:
                self._watch_reader(connection)
            elif connection.busy:
                connection.ticks = 0  # it waits for us
            elif connection.in_head:
                if connection.ticks > HEAD_SECONDS:
                    self._handler.malformed(LATE_HEAD, connection)
                    connection.finish()
            elif connection.ticks > (IDLE_SECONDS if connection.served else HEAD_SECONDS):
                connection.retire()

    def _watch_parting(self, connection: Connection) -> None:
        """Our side is ended: whoever still takes what was sent may go on, whoever only keeps his side open is cut."""
        if connection.ticks > LINGER_SECONDS:
            queued = bytes_queued(connection)
            if queued == 0 or queued == connection.last_queued:
                connection.abort()
            connection.last_queued, connection.ticks = queued, 0

    def _watch_reader(self, connection: Connection) -> None:
        """A viewer who reads, however slowly, may go on; one who has taken nothing for a minute is cut."""
        if connection.ticks <= STALLED_SECONDS // 4 and connection.last_queued:
            return  # seldom enough not to ask the kernel for each of many every second
        queued = bytes_queued(connection)
        if queued != connection.last_queued:
            connection.last_queued = queued
            connection.ticks = 0
        elif connection.ticks > STALLED_SECONDS:
            connection.abort()

    def close(self) -> None:
        """Accept no more, let every connection finish what it is at and close."""
        if self._listener is not None:
            self._listener.close()
        for connection in tuple(self._connections):
            connection.retire()

    def cut(self) -> None:
        """End what is left."""
        if self._timer is not None:
            self._timer.cancel()
        for connection in tuple(self._connections):
            if connection.parted:
                connection.transport.close()  # the kernel sends the rest
            else:
                connection.abort()
