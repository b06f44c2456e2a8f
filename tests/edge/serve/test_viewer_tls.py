"""TLS of viewers, on real sockets: a certificate by name, tickets that several processes take, renewal, versions."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from edge.serve.listener import ViewerListener
from edge.serve.viewer_tls import ViewerTls
from edge.settings import EdgeSettings
from edge.upstreams.network import LoopNetwork
from edge.wire.head import Limits
from kernel.errors import BadSettings
from kernel.settings.table import Address, resolve
from system.ticket_keys import PERIOD_SECONDS
from tests.doubles.clock import FakeClock
from tests.edge.authority import Authority
from tests.edge.wire.h2.ground import Answering

SECRET = b"s" * 32


class Ground:
    """Front doors with certificates that one authority has signed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority(folder)
        self.cert, self.key = self.authority.signs("localhost")
        self.clock = FakeClock()
        self.fronts: list[ViewerListener] = []
        self.handler = Answering()

    def pem(self, name: str, last: int = 2100) -> Path:
        """A file of a certificate and its key."""
        cert, key = self.authority.signs(name, last=last)
        made = self.folder / f"{name.replace('*', 'any')}.both.pem"
        made.write_bytes(cert.read_bytes() + key.read_bytes())
        made.chmod(0o600)
        return made

    def tls(self, secret: bytes | None = None, **flags: Any) -> ViewerTls:
        given = {"upstream": "http://127.0.0.1:1", "tokens": "off", "tls_cert": self.cert, "tls_key": self.key} | flags
        lists = {name: value if isinstance(value, list) else [str(value)] for name, value in given.items()}
        return ViewerTls(resolve(EdgeSettings, flags=lists), self.clock, secret)

    async def serves(self, tls: ViewerTls) -> Address:
        front = ViewerListener(self.handler, set(), Limits(), self.clock)
        self.fronts.append(front)
        return await front.open(LoopNetwork(), Address("127.0.0.1", 0), tls.context)

    def viewer(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority.file))

    async def connect(self, at: Address, name: str, context: ssl.SSLContext | None = None) -> ssl.SSLObject:
        reader, writer = await asyncio.open_connection(
            at.host, at.port, ssl=context or self.viewer(), server_hostname=name
        )
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        found: ssl.SSLObject = writer.get_extra_info("ssl_object")
        writer.close()
        return found


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    made = Ground(tmp_path)
    yield made
    for front in made.fronts:
        front.close()
        front.abort_connections()


async def test_each_name_gets_its_own_certificate(ground: Ground) -> None:
    """The viewer's context checks the name."""
    at = await ground.serves(ground.tls(tls_sni=[str(ground.pem("b.example")), str(ground.pem("*.wild.example"))]))
    for name in ("localhost", "b.example", "any.wild.example", "B.Example"):
        await ground.connect(at, name)
    with pytest.raises(ssl.SSLCertVerificationError):
        await ground.connect(at, "other.example")


async def test_certificates_by_name_are_renewed_and_a_bad_one_changes_nothing(ground: Ground) -> None:
    file = ground.pem("b.example")
    tls = ground.tls(tls_sni=[str(file)])
    at = await ground.serves(tls)
    good = file.read_bytes()
    file.write_bytes(b"no certificate")
    with pytest.raises(BadSettings, match=r"b\.example"):
        tls.reload()
    await ground.connect(at, "b.example")
    file.write_bytes(good)
    ground.pem("b.example", last=2099)
    tls.reload()
    seen = (await ground.connect(at, "b.example")).getpeercert()
    assert seen is not None
    assert str(seen["notAfter"]).split()[3] == "2099"


def resumes(at: Address, context: ssl.SSLContext, session: ssl.SSLSession | None) -> tuple[bool, ssl.SSLSession | None]:
    """One request: whether the session was resumed, and the session for the next one."""
    import socket

    with (
        socket.create_connection(at, timeout=10) as raw,
        context.wrap_socket(raw, server_hostname="localhost", session=session) as made,
    ):
        made.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        while made.recv(4096):
            pass
        return bool(made.session_reused), made.session


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_session_is_resumed_by_any_process_that_has_the_secret(ground: Ground, version: ssl.TLSVersion) -> None:
    one, other, stranger = ground.tls(SECRET), ground.tls(SECRET), ground.tls()
    ports = [await ground.serves(tls) for tls in (one, other, stranger)]
    context = ground.viewer()
    context.maximum_version = version

    def ask(at: Address, session: ssl.SSLSession | None) -> Any:
        return asyncio.to_thread(resumes, at, context, session)

    first, session = await ask(ports[0], None)
    assert [first, (await ask(ports[1], session))[0], (await ask(ports[2], session))[0]] == [False, True, False]
    await ground.clock.advance(PERIOD_SECONDS)
    assert not (await ask(ports[0], session))[0], "the keys have changed"
    _, session = await ask(ports[0], None)
    assert (await ask(ports[1], session))[0], "and both have the same new ones"


def test_a_secret_from_a_file(ground: Ground) -> None:
    file = ground.folder / "secret"
    file.write_bytes(b"short")
    file.chmod(0o600)
    with pytest.raises(BadSettings, match="fewer than 32 bytes"):
        ground.tls(tls_ticket_secret=file)
    file.write_bytes(SECRET)
    ground.tls(tls_ticket_secret=file).stop()


async def test_the_oldest_version_and_the_ciphers_are_settings(ground: Ground) -> None:
    at = await ground.serves(ground.tls(tls_min="1.3"))
    old = ground.viewer()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await ground.connect(at, "localhost", old)
    at = await ground.serves(ground.tls(tls_ciphers="ECDHE-ECDSA-CHACHA20-POLY1305"))
    cipher = (await ground.connect(at, "localhost", old)).cipher()
    assert cipher is not None
    assert cipher[0] == "ECDHE-ECDSA-CHACHA20-POLY1305"
    with pytest.raises(BadSettings, match="names no cipher"):
        ground.tls(tls_ciphers="NONSENSE")


async def test_aes_128_is_preferred(ground: Ground) -> None:
    at = await ground.serves(ground.tls())
    cipher = (await ground.connect(at, "localhost")).cipher()
    assert cipher is not None
    assert cipher[0] == "TLS_AES_128_GCM_SHA256"


async def test_http2_is_offered_first_unless_it_is_off(ground: Ground) -> None:
    chosen = []
    for setting in ("on", "off"):
        at = await ground.serves(ground.tls(http2=setting))
        context = ground.viewer()
        context.set_alpn_protocols(["http/1.1", "h2"])
        _, writer = await asyncio.open_connection(*at, ssl=context, server_hostname="localhost")
        chosen.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
        writer.close()
    assert chosen == ["h2", "http/1.1"]
