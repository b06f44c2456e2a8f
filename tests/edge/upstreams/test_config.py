"""What the settings make of the upstreams."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Self

import pytest
import uvloop

from edge.settings import EdgeSettings
from edge.upstreams.config import connections_per_upstream, upstream_tls, upstreams_of
from edge.upstreams.exchange import Timeouts
from edge.upstreams.network import LoopNetwork
from edge.upstreams.selector import Upstreams
from kernel.errors import BadSettings, UpstreamFailed
from kernel.settings.table import resolve
from system.clock import SystemClock
from tests.doubles.clock import FakeClock
from tests.edge.authority import Authority

HTTPS = "https://shield.internal"


def settings(*upstreams: str, **more: str | Path) -> EdgeSettings:
    flags = {"tokens": ["off"], "upstream": list(upstreams)} | {name: [str(value)] for name, value in more.items()}
    return resolve(EdgeSettings, flags=flags)


@pytest.mark.parametrize(
    ("upstreams", "most", "descriptors", "each"),
    [(1, 512, 1 << 20, 512), (1, 512, 1024, 204), (4, 512, 1024, 51), (2, 2, 1024, 2), (20, 512, 256, 8)],
)
def test_upstreams_have_a_fifth_of_the_descriptors_at_most(upstreams: int, most: int, descriptors: int, each: int):
    urls = [f"http://s{number}:80" for number in range(upstreams)]
    assert connections_per_upstream(settings(*urls, upstream_connections=str(most)), descriptors) == each


def test_times_and_weights_arrive():
    made = upstreams_of(
        settings("http://a:1#weight=2", "http://b:1", upstream_total="0", upstream_idle="7s"),
        LoopNetwork(),
        FakeClock(),
    )
    assert (made.timeouts.connect, made.timeouts.first_byte, made.timeouts.idle, made.timeouts.total) == (3, 10, 7, 0)
    assert [(one.url, one.weight) for one in made.all] == [("http://a:1", 2.0), ("http://b:1", 1.0)]


def test_certificates_arrive(tmp_path: Path):
    authority = Authority(tmp_path)
    cert, key = authority.signs("edge1")
    given = settings(HTTPS, upstream_ca=authority.file, upstream_cert=cert, upstream_key=key, upstream_name="shield")
    (one,) = upstreams_of(given, LoopNetwork(), FakeClock()).all
    assert one.tls is not None
    assert one.address == ("shield.internal", 443)


@pytest.mark.parametrize(
    ("upstream", "more", "named"),
    [
        (HTTPS, {"upstream_cert": "c.pem"}, "upstream_key"),
        (HTTPS, {"upstream_key": "k.pem"}, "upstream_cert"),
        ("http://a:1", {"upstream_ca": "ca.pem"}, "upstream_ca"),
        ("http://a:1", {"upstream_name": "shield"}, "upstream_name"),
        ("http://a:1", {"upstream_cert": "c.pem", "upstream_key": "k.pem"}, "upstream_cert"),
        ("http://a:1/base", {}, "upstream"),
        ("http://a:1#weight=0", {}, "upstream"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(upstream: str, more: dict[str, str], named: str):
    with pytest.raises(BadSettings) as refused:
        settings(upstream, **more)
    assert refused.value.setting == named


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
UNTOLD = b"HTTP/1.1 200 OK\r\n\r\nhello"
SECURE = ("https://127.0.0.1:1",)


class Origin:
    """Answers over TLS, or in plain."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self.context = context
        self.heads: list[bytes] = []

    async def __aenter__(self) -> Self:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.context)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while self.context is not None:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(OK)
            self.heads.append(await reader.read(1000))
            writer.write(OK)
        writer.close()


class OneAnswer:
    """A thread that answers one request without a length, and then ends TLS in due form or only the stream below it."""

    def __init__(self, context: ssl.SSLContext, *, cuts: bool) -> None:
        self._context, self._cuts = context, cuts
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(10)
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    async def __aenter__(self) -> Self:
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._thread.join(10)
        self._listening.close()

    def _serve(self) -> None:
        plain = self._listening.accept()[0]
        plain.settimeout(10)
        with self._context.wrap_socket(plain, server_side=True) as secure, contextlib.suppress(OSError):
            secure.recv(1000)
            secure.sendall(UNTOLD)
            if not self._cuts:
                secure.unwrap()


def server_side(cert: tuple[Path, Path], clients: Path | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*cert)
    if clients is not None:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def asks(origin: Origin | OneAnswer, tls: ssl.SSLContext | None, name: str | None = None) -> bytes:
    """The body of an answer."""
    upstreams = Upstreams(
        [f"https://127.0.0.1:{origin.port}"], LoopNetwork(), SystemClock(), Timeouts(), tls, name=name
    )
    pieces: list[bytes] = []
    try:
        exchange = await upstreams.send(b"k", lambda _: [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"])
        await exchange.read_body(pieces.append)
    finally:
        upstreams.close()
    return b"".join(pieces)


def on_loop(kind: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run on one of the loops; the edge itself runs on uvloop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if kind == "uvloop" else None) as runner:
        runner.run(asyncio.wait_for(work(), 20))


LOOPS = pytest.mark.parametrize("loop", ["asyncio", "uvloop"])


@LOOPS
def test_a_certificate_by_the_authority_that_is_named(loop: str, tmp_path: Path):
    authority = Authority(tmp_path)

    async def work() -> None:
        async with Origin(server_side(authority.signs("127.0.0.1"))) as origin:
            assert await asks(origin, upstream_tls(SECURE, authority.file, None, None)) == b"hello"

    on_loop(loop, work)


@LOOPS
@pytest.mark.parametrize("wrong", ["authority", "name", "expired", "not yet", "system's", "plain"])
def test_what_is_not_accepted_is_never_asked(loop: str, wrong: str, tmp_path: Path):
    """The request is not sent, not in plain either."""
    authority = Authority(tmp_path)
    signs = Authority(tmp_path, "other") if wrong == "authority" else authority
    years = {"expired": (2020, 2021), "not yet": (2090, 2100)}.get(wrong, (2020, 2100))
    cert = signs.signs("127.0.0.9" if wrong == "name" else "127.0.0.1", *years)
    ca = None if wrong == "system's" else authority.file

    async def work() -> None:
        async with Origin(None if wrong == "plain" else server_side(cert)) as origin:
            with pytest.raises(UpstreamFailed) as failed:
                await asks(origin, upstream_tls(SECURE, ca, None, None))
            assert failed.value.status == 502
            assert failed.value.reason == ("tls" if wrong == "plain" else "certificate")
            assert not [head for head in origin.heads if b"GET" in head]

    on_loop(loop, work)


@LOOPS
def test_a_name_of_their_own(loop: str, tmp_path: Path):
    """Shields share a certificate; they are dialled by address."""
    authority = Authority(tmp_path)

    async def work() -> None:
        async with Origin(server_side(authority.signs("shield.internal"))) as origin:
            tls = upstream_tls(SECURE, authority.file, None, None)
            assert await asks(origin, tls, "shield.internal") == b"hello"
            with pytest.raises(UpstreamFailed, match=r"mismatch|not valid|doesn't match"):
                await asks(origin, tls)

    on_loop(loop, work)


@LOOPS
@pytest.mark.parametrize("shown", ["ours", "another's", "none"])
def test_what_we_show_of_ourselves(loop: str, shown: str, tmp_path: Path):
    authority = Authority(tmp_path)
    signs = Authority(tmp_path, "other") if shown == "another's" else authority
    cert, key = (None, None) if shown == "none" else signs.signs("edge1")

    async def work() -> None:
        async with Origin(server_side(authority.signs("127.0.0.1"), clients=authority.file)) as origin:
            tls = upstream_tls(SECURE, authority.file, cert, key)
            if shown == "ours":
                assert await asks(origin, tls) == b"hello"
                return
            with pytest.raises(UpstreamFailed) as failed:
                await asks(origin, tls)
            assert failed.value.status == 502
            assert not origin.heads

    on_loop(loop, work)


@pytest.mark.parametrize(("loop", "cuts"), [("asyncio", False), ("uvloop", False), ("uvloop", True)])
def test_a_body_without_length_is_whole_only_with_a_close_notify(loop: str, cuts: bool, tmp_path: Path):
    """asyncio's own loop cannot tell the two apart; the edge runs on uvloop, which can."""
    authority = Authority(tmp_path)

    async def work() -> None:
        context = server_side(authority.signs("127.0.0.1"))
        async with OneAnswer(context, cuts=cuts) as origin:
            tls = upstream_tls(SECURE, authority.file, None, None)
            if cuts:
                with pytest.raises(UpstreamFailed, match="truncated"):
                    await asks(origin, tls)
            else:
                assert await asks(origin, tls) == b"hello"

    on_loop(loop, work)


def test_without_https_there_is_nothing_to_make(tmp_path: Path):
    assert upstream_tls(("http://a:1",), tmp_path / "none", None, None) is None


def test_old_versions_are_not_spoken(tmp_path: Path):
    context = upstream_tls(SECURE, Authority(tmp_path).file, None, None)
    assert context is not None
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)


@pytest.mark.parametrize("what", ["no file", "no certificate", "no authority"])
def test_a_file_of_authorities_that_is_none(what: str, tmp_path: Path):
    file = tmp_path / "ca.pem"
    if what == "no certificate":
        file.write_text("nothing of the kind")
    elif what == "no authority":
        file = Authority(tmp_path).signs("127.0.0.1")[0]
    with pytest.raises(BadSettings, match="upstream_ca"):
        upstream_tls(SECURE, file, None, None)


@pytest.mark.parametrize("what", ["no file", "another's key", "no key"])
def test_a_certificate_that_cannot_be_shown(what: str, tmp_path: Path):
    authority = Authority(tmp_path)
    cert, key = authority.signs("edge1")
    if what == "no file":
        cert = tmp_path / "gone.pem"
    elif what == "another's key":
        key = authority.signs("edge2")[1]
    else:
        key.write_text("nothing of the kind")
    with pytest.raises(BadSettings, match="upstream_cert"):
        upstream_tls(SECURE, authority.file, cert, key)
