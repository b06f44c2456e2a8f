"""Listening and dialling on the loop."""

import asyncio
import ssl
from pathlib import Path

import pytest

from edge.listen import tls_context
from edge.network import LoopNetwork
from kernel.settings import Address


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
