"""The fleet's own certificate authority: a P-256 key and certificate in two files, and the certificates it issues.

    DIR/authority.key    private key, PEM, mode 0600
    DIR/authority.pem    certificate, PEM

Replicas of control share the folder. The names in a certificate never come from the request, but from the operator who
made the enrolment token, or from the certificate that is renewed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kernel.errors import BadSettings
from kernel.fleet.identity import SKEW, BadIdentity, fingerprint, load_key, make_key, names
from system.durable_files import replace_file

AUTHORITY_DAYS = 3650
MAX_REQUEST = 16 << 10


class Authority:
    """Issues certificates. `key` also signs updates (kernel/fleet/signed.py)."""

    def __init__(self, key_pem: bytes, certificate_pem: bytes) -> None:
        """Raises BadIdentity if the key does not match the certificate."""
        self.key = load_key(key_pem)
        self.pem = certificate_pem
        self._certificate = x509.load_pem_x509_certificates(certificate_pem)[0]
        if self._certificate.public_key() != self.key.public_key():
            raise BadIdentity("the authority's key and certificate do not belong together")
        self.fingerprint = fingerprint(certificate_pem)

    @classmethod
    def open(cls, folder: Path, now: float) -> Authority:
        """Read the authority in the folder, or make one. Raises BadSettings naming the file."""
        key_file, certificate_file = folder / "authority.key", folder / "authority.pem"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with _exclusive(folder):
                if not certificate_file.exists():
                    _make(key_file, certificate_file, now)
            return cls(key_file.read_bytes(), certificate_file.read_bytes())
        except OSError as error:
            raise BadSettings("ca_dir", f"{error.filename}: {error.strerror}") from None
        except ValueError as error:
            raise BadSettings("ca_dir", f"{folder}: {error}") from None

    def issue(
        self, request_pem: bytes, node_id: str, role: str, now: float, seconds: float, hosts: Sequence[str] = ()
    ) -> bytes:
        """Issue a certificate (PEM) for the request's key to a node, valid for `seconds`. Raises BadIdentity."""
        if len(request_pem) > MAX_REQUEST:
            raise BadIdentity("the certificate request is too large")
        try:
            asked = x509.load_pem_x509_csr(request_pem)
            proven = asked.is_signature_valid
        except Exception as error:  # noqa: BLE001 (untrusted bytes may raise anything in the library)
            raise BadIdentity(f"not a certificate request: {error}") from None
        key = asked.public_key()
        if not proven or not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise BadIdentity("the request is not signed by a P-256 key of its own")
        moment = datetime.fromtimestamp(now, UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, node_id)]))
            .issuer_name(self._certificate.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(moment - timedelta(seconds=SKEW))
            .not_valid_after(moment + timedelta(seconds=seconds))
            .add_extension(names(node_id, role, hosts), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]),
                critical=False,
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
                critical=False,
            )
            .sign(self.key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM)


@contextlib.contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    """Lock the folder: replicas that start on an empty one at the same time make one authority, not two."""
    descriptor = os.open(folder / "authority.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _make(key_file: Path, certificate_file: Path, now: float) -> None:
    """Write a new authority; the certificate last, since its presence means that both files exist."""
    pem = make_key()
    key = load_key(pem)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Matinee fleet")])
    moment = datetime.fromtimestamp(now, UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - timedelta(seconds=SKEW))
        .not_valid_after(moment + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_signs_only(), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    replace_file(key_file, pem)
    replace_file(certificate_file, made.public_bytes(serialization.Encoding.PEM))


def _signs_only() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
