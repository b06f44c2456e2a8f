"""Viewers who come by TLS, on real sockets: versions, ALPN, who speaks no TLS at all, renewal, refusals that arrive."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge.serve.listener import ViewerListener
from edge.upstreams.network import LoopNetwork
from edge.wire.head import Limits
from edge.wire.http1_server import Connection
from kernel.errors import BadSettings
from kernel.settings.table import Address
from system.server_tls import renew_certificate, tls_context
from tests.doubles.clock import FakeClock
from tests.edge.authority import Authority
from tests.edge.wire.fakes import Remembering

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Known(Remembering):
    """Its connections are known to the sweep."""

    def __init__(self, connections: set[Connection]) -> None:
        super().__init__()
        self.connections = connections

    def on_connection_opened(self, connection: Connection) -> None:
        self.connections.add(connection)

    def on_connection_closed(self, connection: Connection) -> None:
        self.connections.discard(connection)


class Ground:
    """A front that speaks TLS, and the authority that signed its certificate."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.files = self.authority.signs("localhost")
        self.context = tls_context(*self.files)
        self.connections: set[Connection] = set()
        self.handler = Known(self.connections)
        self.front = ViewerListener(self.handler, self.connections, Limits(), FakeClock())
        self.address = Address("127.0.0.1", 0)

    async def connect(
        self, *, alpn: tuple[str, ...] = (), name: str = "localhost"
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context = ssl.create_default_context(cafile=str(self.authority.file))
        context.check_hostname = name == "localhost"
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return await asyncio.open_connection(self.address.host, self.address.port, ssl=context, server_hostname=name)


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    made = Ground(tmp_path)
    made.address = await made.front.open(LoopNetwork(), made.address, made.context)
    yield made
    made.front.close()
    made.front.abort_connections()


async def test_a_request_is_answered_and_the_end_is_said(ground: Ground) -> None:
    """close_notify: a viewer can tell the end from a cut (RFC 9112 §9.8)."""
    reader, writer = await ground.connect()
    writer.write(GET + GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert await reader.read() == b"<1><2>"
    writer.close()


@pytest.mark.parametrize(("offered", "chosen"), [(("h2", "http/1.1"), "http/1.1"), (("h2",), None), ((), None)])
async def test_only_http_1_1_is_chosen(ground: Ground, offered: tuple[str, ...], chosen: str | None) -> None:
    _, writer = await ground.connect(alpn=offered)
    assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == chosen
    writer.close()


async def test_a_name_that_is_not_ours_does_no_harm(ground: Ground) -> None:
    """Whether the certificate will do is for the viewer to judge."""
    reader, writer = await ground.connect(name="elsewhere.example")
    writer.write(GET)
    assert await reader.readexactly(3) == b"<1>"
    writer.close()


def test_old_versions_are_not_spoken(ground: Ground) -> None:
    assert ground.context.minimum_version is ssl.TLSVersion.TLSv1_2


async def test_plain_http_is_closed_without_a_word(ground: Ground) -> None:
    reader, writer = await asyncio.open_connection(*ground.address)
    writer.write(GET)
    assert await reader.read() == b""
    writer.close()


async def test_a_refused_viewer_gets_his_answer_whatever_he_still_sends(ground: Ground) -> None:
    """Closing at once would answer it with a reset."""
    reader, writer = await ground.connect()
    writer.write(b"BAD\r\n\r\n" + GET * 10_000)
    assert await reader.readexactly(len(b"<400 malformed>")) == b"<400 malformed>"
    for _ in range(3):
        ground.front.sweep()
    assert await reader.read() == b""
    writer.close()


async def test_a_renewed_certificate_is_used_from_the_next_handshake_on(ground: Ground) -> None:
    """And one that cannot be used changes nothing."""
    with pytest.raises(BadSettings):
        renew_certificate(ground.context, ground.authority.file, ground.files[1])
    for file, new in zip(ground.files, ground.authority.signs("localhost", last=2099), strict=True):
        shutil.copy(new, file)
    before, old = await ground.connect()
    renew_certificate(ground.context, *ground.files)
    after, new_one = await ground.connect()
    ends = [one.get_extra_info("peercert")["notAfter"].split()[3] for one in (old, new_one)]
    assert ends == ["2100", "2099"]
    for reader, writer in ((before, old), (after, new_one)):
        writer.write(GET)
        assert (await reader.readexactly(3))[:1] == b"<"
        writer.close()
