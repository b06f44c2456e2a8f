"""Listening and dialling on the loop."""

import asyncio
import socket
import ssl
from pathlib import Path

import pytest

from edge.serve.listener import tls_context
from edge.upstreams.dns import Resolver, SocketAddress
from edge.upstreams.network import LoopNetwork, is_literal
from kernel.settings.table import Address


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
async def test_a_bound_port_is_told_and_dialled(host: str):
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
