"""Connections before they are viewers: half-open handshakes, no descriptors left; with real processes and raw bytes."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import http.client
import json
import resource
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from edge.wire.accept import MAX_PAUSE_SECONDS, MIN_PAUSE_SECONDS, Acceptor, OpenDoor, bind
from tests.edge.authority import Authority
from tests.edge.process import EdgeProcess, Upstream, edge_process, everything, until

DESCRIPTORS = 256
GET = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"


@contextlib.contextmanager
def tls_edge(folder: Path, **more: Any) -> Iterator[tuple[EdgeProcess, ssl.SSLContext]]:
    authority = Authority(folder)
    cert, key = authority.signs("localhost")
    context = ssl.create_default_context(cafile=str(authority.file))
    with Upstream() as upstream, edge_process(folder, upstream.port, tls_cert=cert, tls_key=key, **more) as edge:
        yield edge, context


def secured(edge: EdgeProcess, context: ssl.SSLContext) -> ssl.SSLSocket:
    return context.wrap_socket(edge.connect(), server_hostname="localhost")


def asks(sock: socket.socket, request: bytes = GET) -> bytes:
    sock.sendall(request)
    data = b""
    while not data.endswith(b"</a>"):
        piece = sock.recv(65536)
        assert piece
        data += piece
    return data


def test_half_open_handshakes_take_no_descriptors_from_viewers_nor_from_operators(tmp_path: Path) -> None:
    """As many as the process has descriptors, and more: they were neither counted nor bounded."""
    with tls_edge(tmp_path, descriptors=DESCRIPTORS) as (edge, context):
        inside = secured(edge, context)
        assert b"200 OK" in asks(inside)
        half_open = [edge.connect() for _ in range(2 * DESCRIPTORS)]
        until(lambda: edge.metric('matinee_edge_handshake_ends_total{end="gave-way"}') >= DESCRIPTORS)
        assert edge.metric("matinee_edge_handshakes") < DESCRIPTORS / 2
        assert b"200 OK" in asks(inside)  # who is inside goes on
        with secured(edge, context) as newcomer:  # whoever shakes hands in time gets in: those who only wait give way
            assert b"hit" in asks(newcomer)
        assert json.loads(edge.asks_admin("/healthz"))["status"] == "ok"
        for sock in half_open:
            sock.close()
        until(lambda: edge.metric("matinee_edge_handshakes") == 0)
        with secured(edge, context) as newcomer:
            assert b"hit" in asks(newcomer)
        assert edge.log.stat().st_size < 64 * 1024
        inside.close()


@pytest.mark.parametrize("tls", [False, True])
def test_without_descriptors_accept_rests_and_the_log_stays_small(tmp_path: Path, tls: bool) -> None:
    """EMFILE at every accept: it span, and wrote 31 MB of tracebacks in 20 s."""
    with contextlib.ExitStack() as stack:
        if tls:
            edge, context = stack.enter_context(tls_edge(tmp_path))
        else:
            upstream = stack.enter_context(Upstream())
            edge, context = stack.enter_context(edge_process(tmp_path, upstream.port)), None
        inside = secured(edge, context) if context else edge.connect()
        assert b"200 OK" in asks(inside)
        admin = http.client.HTTPConnection(*edge.admin, timeout=30)

        def accept_errors() -> float:
            admin.request("GET", "/metrics")
            for line in admin.getresponse().read().decode().splitlines():
                if line.startswith("matinee_edge_accept_errors_total "):
                    return float(line.split()[1])
            return 0.0

        accept_errors()
        pid, before = edge.process.pid, resource.prlimit(edge.process.pid, resource.RLIMIT_NOFILE)
        used = max(int(one.name) for one in Path(f"/proc/{pid}/fd").iterdir()) + 1
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used, before[1]))
        waiting = knock(edge, 50)
        until(lambda: accept_errors() >= 3)
        ticks = _cpu(pid)
        errors = accept_errors()
        waiting += knock(edge, 50)
        until(lambda: accept_errors() >= errors + 2)
        assert _cpu(pid) - ticks < 100  # hundredths of a second, for two rests of a second: it does not spin
        assert b"hit" in asks(inside)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        for sock in waiting:
            sock.close()
        with secured(edge, context) if context else edge.connect() as newcomer:
            assert b"hit" in asks(newcomer)
        assert edge.log.stat().st_size < 64 * 1024
        inside.close()


def knock(edge: EdgeProcess, times: int) -> list[socket.socket]:
    """Connections that wait to be accepted. One that the edge resets before we see it open counts as well."""
    opened = []
    for _ in range(times):
        with contextlib.suppress(ConnectionResetError):
            opened.append(edge.connect())
    return opened


def _cpu(pid: int) -> int:
    told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(told[11]) + int(told[12])


def test_who_speaks_no_tls_and_who_is_too_slow_are_counted(tmp_path: Path) -> None:
    with tls_edge(tmp_path, handshake_timeout="1s") as (edge, _):
        with edge.connect() as sock:
            sock.sendall(GET)
            assert everything(sock) == b""
        until(lambda: edge.metric('matinee_edge_handshake_ends_total{end="failed"}') == 1)
        with edge.connect() as sock:
            assert everything(sock) == b""
        assert edge.metric('matinee_edge_handshake_ends_total{end="late"}') == 1
        assert edge.metric("matinee_edge_handshakes") == 0


class Short(socket.socket):
    """A listening socket whose process has no descriptors left, for so many calls."""

    errors: ClassVar[list[int]] = []

    def accept(self) -> Any:
        if Short.errors:
            number = Short.errors.pop(0)
            raise OSError(number, errno.errorcode[number])
        return super().accept()


class Told(OpenDoor):
    def __init__(self) -> None:
        self.errors: list[int | None] = []

    def on_accept_failed(self, error: OSError) -> None:
        self.errors.append(error.errno)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
async def test_accept_rests_for_longer_each_time_and_goes_on(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    rests: list[float] = []
    monkeypatch.setattr(loop, "call_later", lambda delay, call, *_: rests.append(delay) or loop.call_soon(call))
    plain = bind([(socket.AF_INET, ("127.0.0.1", 0))], 16)[0]
    sock, door = Short(fileno=plain.detach()), Told()
    sock.setblocking(False)
    Short.errors = [number] * 12  # six times: each time one more try to tell those who wait
    came = asyncio.Event()

    class Viewer(asyncio.Protocol):
        def connection_made(self, _: object) -> None:
            came.set()

    acceptor = Acceptor([sock], Viewer, None, door, "127.0.0.1")
    _, writer = await asyncio.open_connection(*acceptor.address)
    async with asyncio.timeout(30):
        await came.wait()
    assert door.errors == [number] * 6
    assert rests == [min(MIN_PAUSE_SECONDS * 2**time, MAX_PAUSE_SECONDS) for time in range(6)]
    writer.close()
    acceptor.close()


async def test_one_connection_that_was_aborted_stops_no_other() -> None:
    plain = bind([(socket.AF_INET, ("127.0.0.1", 0))], 16)[0]
    sock, door = Short(fileno=plain.detach()), Told()
    sock.setblocking(False)
    Short.errors = [errno.ECONNABORTED, errno.EPROTO, errno.EPERM]
    came = asyncio.Event()

    class Viewer(asyncio.Protocol):
        def connection_made(self, _: object) -> None:
            came.set()

    acceptor = Acceptor([sock], Viewer, None, door, "127.0.0.1")
    _, writer = await asyncio.open_connection(*acceptor.address)
    async with asyncio.timeout(30):
        await came.wait()
    assert door.errors == []
    writer.close()
    acceptor.close()


def test_both_families_of_a_name_listen_at_one_port() -> None:
    try:
        socks = bind([(socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_INET6, ("::1", 0, 0, 0))], 16)
    except OSError:
        pytest.skip("NOT RUN: no IPv6 here")
    ports = {sock.getsockname()[1] for sock in socks}
    for sock in socks:
        sock.close()
    assert len(ports) == 1
