"""Listening and dialling on the loop."""

import asyncio
import socket
import ssl
import threading
from pathlib import Path

import pytest

from edge.upstreams.network import (
    REMEMBERED_SECONDS,
    LoopNetwork,
    Resolver,
    SocketAddress,
    interleave_families,
    is_literal,
    resolve,
)
from kernel.settings.table import Address
from system.server_tls import tls_context


class Echo(asyncio.Protocol):
    """Says everything back."""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


class Asks(asyncio.Protocol):
    """Remembers what it hears."""

    def __init__(self) -> None:
        self.heard = asyncio.Queue()

    def data_received(self, data):
        self.heard.put_nowait(data)


async def echoed(network: LoopNetwork, address: Address, tls: ssl.SSLContext | None = None) -> bytes:
    transport, protocol = await network.dial(address, Asks, tls)
    transport.write(b"hello")
    async with asyncio.timeout(10):
        data = await protocol.heard.get()
    transport.abort()
    return data


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_bound_port_is_known_and_can_be_dialled(host: str):
    network = LoopNetwork()
    listener = await network.listen(Address(host, 0), Echo)
    assert listener.address.port > 0
    assert await echoed(network, listener.address) == b"hello"
    listener.close()
    with pytest.raises(OSError, match=r"refused|Connect"):
        await network.dial(listener.address, Asks)


def named(*hosts: str):
    """A resolver by which every name leads to these hosts."""
    return lambda _, port: [SocketAddress(socket.AF_INET, (host, port)) for host in hosts]


async def test_a_name_with_several_addresses_is_tried_until_one_answers():
    """Nobody listens at the first; at the second nobody ever answers, which holds nobody up."""
    listener = await LoopNetwork().listen(Address("127.0.0.3", 0), Echo)
    silent = socket.create_server(("127.0.0.2", listener.address.port), backlog=0)
    filling = [socket.socket() for _ in range(4)]
    for one in filling:  # its queue is full: it takes no more connections and refuses none
        one.setblocking(False)
        one.connect_ex(("127.0.0.2", listener.address.port))
    network = LoopNetwork(resolver=Resolver(lambda: 0.0, named("127.0.0.1", "127.0.0.2", "127.0.0.3")))
    assert await echoed(network, Address("shield", listener.address.port)) == b"hello"
    listener.close()
    for one in (*filling, silent):
        one.close()


@pytest.mark.parametrize("hosts", [("127.0.0.1",), ("127.0.0.1", "127.0.0.2")])
async def test_a_name_none_of_whose_addresses_answers(hosts: tuple[str, ...]):
    with socket.create_server(("127.0.0.9", 0)) as taken:
        port = taken.getsockname()[1]
        network = LoopNetwork(resolver=Resolver(lambda: 0.0, named(*hosts)))
        with pytest.raises(OSError, match=r"refused|Connect"):
            await network.dial(Address("shield", port), Asks)


@pytest.mark.parametrize(("host", "literal"), [("127.0.0.1", True), ("::1", True), ("shield", False), ("1.2.3", False)])
def test_what_is_an_address_and_no_name(host: str, literal: bool):
    assert is_literal(host) is literal


async def test_a_taken_port_is_an_os_error():
    network = LoopNetwork()
    listener = await network.listen(Address("127.0.0.1", 0), Echo)
    with pytest.raises(OSError, match="in use"):
        await network.listen(listener.address, Echo)
    listener.close()


async def test_tls(certificate: tuple[Path, Path]):
    """Viewers by TLS; an upstream's certificate is verified."""
    network = LoopNetwork()
    listener = await network.listen(Address("127.0.0.1", 0), Echo, tls_context(*certificate))
    trusting = ssl.create_default_context(cafile=str(certificate[0]))
    assert await echoed(network, listener.address, trusting) == b"hello"
    with pytest.raises(ssl.SSLCertVerificationError):
        await network.dial(listener.address, Asks, ssl.create_default_context())
    listener.close()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    import datetime as dt
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    before, after = (dt.datetime(year, 1, 1, tzinfo=dt.UTC) for year in (2020, 2100))
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(before).not_valid_after(after)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    cert_file, key_file = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    key_file.write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    return cert_file, key_file


V4 = [SocketAddress(socket.AF_INET, (f"127.0.0.{number}", 80)) for number in range(1, 4)]
V6 = [SocketAddress(socket.AF_INET6, (f"::{number}", 80, 0, 0)) for number in range(1, 3)]


class Names:
    """A name service: answers, fails, or hangs until let go."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked = 0
        self.answer: list[SocketAddress] | None = V4[:1]
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.resolver = Resolver(lambda: self.now, self.ask)

    def ask(self, host: str, port: int) -> list[SocketAddress]:
        self.asked += 1
        self.goes_on.wait(10)
        if self.answer is None:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return self.answer

    async def places(self) -> list[SocketAddress]:
        return await self.resolver.addresses("shield", 80)

    async def settled(self) -> None:
        async with asyncio.timeout(10):
            while self.resolver._running:
                await asyncio.sleep(0.001)


@pytest.mark.parametrize(
    ("found", "order"),
    [
        ([*V6, *V4], [V6[0], V4[0], V6[1], V4[1], V4[2]]),
        ([*V4, *V6], [V4[0], V6[0], V4[1], V6[1], V4[2]]),
        ([V4[0], V4[0]], [V4[0]]),
        ([], []),
    ],
)
def test_the_families_take_turns(found: list[SocketAddress], order: list[SocketAddress]):
    assert interleave_families(found) == order


def test_the_system_is_asked():
    assert SocketAddress(socket.AF_INET, ("127.0.0.1", 80)) in resolve("127.0.0.1", 80)


async def test_an_answer_is_remembered_and_asked_for_again():
    names = Names()
    for _ in range(3):
        assert await names.places() == V4[:1]
    assert names.asked == 1
    names.now, names.answer = REMEMBERED_SECONDS, V4[1:2]
    assert await names.places() == V4[:1]  # nobody waits for the new one
    await names.settled()
    assert await names.places() == V4[1:2]
    assert names.asked == 2


async def test_many_who_ask_while_it_hangs_are_one_question():
    names = Names()
    names.goes_on.clear()
    asking = [asyncio.create_task(names.places()) for _ in range(20)]  # noqa: TID251 (awaited below)
    await asyncio.sleep(0)
    asking[0].cancel()  # who gives up takes nothing from the others
    names.goes_on.set()
    assert await asyncio.gather(*asking[1:]) == [V4[:1]] * 19
    assert names.asked == 1


async def test_a_name_that_leads_nowhere_is_an_error_and_asked_again():
    names = Names()
    names.answer = None
    for _ in range(2):
        with pytest.raises(OSError, match="no such name"):
            await names.places()
        await names.settled()
    assert names.asked == 2


@pytest.mark.parametrize("answer", [None, []])
async def test_what_was_known_stays_when_nothing_better_is_heard(answer: list[SocketAddress] | None):
    names = Names()
    await names.places()
    names.now, names.answer = REMEMBERED_SECONDS, answer
    await names.places()
    await names.settled()
    assert await names.places() == V4[:1]
    assert names.asked == 2
