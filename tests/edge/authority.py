"""An authority of certificates for tests, and the certificates it signs."""

from __future__ import annotations

import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_ENCODING, _PLAIN = serialization.Encoding.PEM, serialization.NoEncryption()


class Authority:
    """Signs in `folder`; `file` is its own certificate."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.file = folder / f"{name}.pem"
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        own = (
            self._builder(self._name, self._key, 2020, 2100)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
        )
        self.file.write_bytes(own.sign(self._key, hashes.SHA256()).public_bytes(_ENCODING))

    def _builder(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, first: int, last: int
    ) -> x509.CertificateBuilder:
        before, after = (dt.datetime(year, 1, 1, tzinfo=dt.UTC) for year in (first, last))
        return (
            x509.CertificateBuilder().subject_name(name).issuer_name(self._name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(before).not_valid_after(after)
        )  # fmt: skip

    def signs(self, name: str, first: int = 2020, last: int = 2100) -> tuple[Path, Path]:
        """The files of a certificate for a host's name or address, and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            other: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            other = x509.DNSName(name)
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "somebody")])
        made = self._builder(subject, key, first, last).add_extension(
            x509.SubjectAlternativeName([other]), critical=False
        )
        cert_file, key_file = self.folder / f"{self.file.stem}-{name}-{last}.pem", self.folder / f"{name}-{last}.key"
        cert_file.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(_ENCODING))
        key_file.write_bytes(key.private_bytes(_ENCODING, serialization.PrivateFormat.PKCS8, _PLAIN))
        return cert_file, key_file
