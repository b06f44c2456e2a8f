"""A node's identity: its key, its certificate from the fleet's own authority, and its one-time enrolment token. Pure.

The certificate names the node twice (RFC 5280 §4.2.1.6): `DNS:<node id>` for TLS libraries and
`URI:matinee://node/<role>/<id>` for us. Keys are P-256, which every TLS library supports.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kernel.fleet.messages import NODE_ID

SCHEME = "matinee"
ROLES = ("edge", "shield", "control", "service")
ENROLLED = ("edge", "shield", "service")
"""The roles that a node can join with; control's own certificates are made by control."""
CONTROL_NAME = "control.matinee.internal"
"""The name in control's certificate that nodes check instead of its address; no other node has it."""
RENEW_AT = 2 / 3
"""The share of its lifetime after which a certificate is renewed."""
SKEW = 300.0
"""Seconds before they are made from which certificates hold: clocks of a fleet differ."""
SECRET_BYTES = 24
_TOKEN = re.compile(r"mtn1-([a-z2-7]{52})-([A-Za-z0-9_-]{32})", re.ASCII)


class BadIdentity(ValueError):
    """A certificate, request or token is unusable; `str()` says why."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The node that a certificate names, and its validity (Unix seconds)."""

    id: str
    role: str
    begins: float
    ends: float

    def renew_at(self) -> float:
        """The wall-clock time at which to renew the certificate."""
        return self.ends - self.life * (1 - RENEW_AT)

    @property
    def life(self) -> float:
        """Seconds from when it was made to when it ends."""
        return max(0.0, self.ends - self.begins - SKEW)


def key_hash(request_pem: bytes) -> str:
    """A fingerprint of the public key of a certificate request. Raises BadIdentity."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(_asked(request_pem).public_key().public_bytes(serialization.Encoding.DER, form)).hexdigest()


def request_name(request_pem: bytes) -> str:
    """The node id in a certificate request. It is not trusted, but reveals a mistake early. Raises BadIdentity."""
    named = _asked(request_pem).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(named[0].value) if len(named) == 1 else ""


def _asked(request_pem: bytes) -> x509.CertificateSigningRequest:
    try:
        return x509.load_pem_x509_csr(request_pem)
    except Exception as error:  # noqa: BLE001 (whatever a stranger's bytes make the library say)
        raise BadIdentity(f"no certificate request: {error}") from None


def make_key() -> bytes:
    """A new private key, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def load_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """The P-256 key of a PEM. Raises BadIdentity."""
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError) as error:
        raise BadIdentity(f"no private key: {error}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise BadIdentity("the private key is not one of P-256")
    return key


def request(key_pem: bytes, node_id: str) -> bytes:
    """A PEM certificate request for a key; the authority does not trust the names in it."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, node_id)])
    made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(load_key(key_pem), hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM)


def names(node_id: str, role: str, hosts: Sequence[str] = ()) -> x509.SubjectAlternativeName:
    """The extensions of a node's certificate; `hosts` (names or addresses) for one of control. Raises BadIdentity."""
    if node_id.lower() == CONTROL_NAME:
        raise BadIdentity(f"{CONTROL_NAME} is what control is called, no node")
    if not NODE_ID.fullmatch(node_id):
        raise BadIdentity(f"{node_id[:80]!r} cannot be a node's id")
    if role not in ROLES:
        raise BadIdentity(f"role {role[:80]!r} is none of {', '.join(ROLES)}")
    uri = x509.UniformResourceIdentifier(f"{SCHEME}://node/{role}/{node_id}")
    own = [CONTROL_NAME, *hosts] if role == "control" else []
    return x509.SubjectAlternativeName([x509.DNSName(node_id), uri, *map(_host, own)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return x509.DNSName(host)
    except ValueError:
        raise BadIdentity(f"{host[:80]!r} is no name of a host") from None


def identity(chain_pem: bytes) -> Identity:
    """The identity in the first certificate of a chain. Raises BadIdentity."""
    try:
        found = x509.load_pem_x509_certificates(chain_pem)[0]
        alternative = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, IndexError, x509.ExtensionNotFound) as error:
        raise BadIdentity(f"no certificate of a node: {error}") from None
    named = [one for uri in alternative.get_values_for_type(x509.UniformResourceIdentifier) if (one := named_by(uri))]
    if len(named) != 1:
        raise BadIdentity("the certificate does not name one node")
    role, node_id = named[0]
    return Identity(node_id, role, found.not_valid_before_utc.timestamp(), found.not_valid_after_utc.timestamp())


def named_by(uri: str) -> tuple[str, str] | None:
    """(role, id) of `matinee://node/<role>/<id>`; None for anything else."""
    parts = urlsplit(uri)
    path = parts.path.split("/")
    if parts.scheme != SCHEME or parts.netloc != "node" or len(path) != 3 or path[0] or parts.query or parts.fragment:
        return None
    return (path[1], path[2]) if path[1] in ROLES and NODE_ID.fullmatch(path[2]) else None


def fingerprint(certificate_pem: bytes) -> bytes:
    """SHA-256 of the first certificate's DER. Raises BadIdentity."""
    try:
        return x509.load_pem_x509_certificates(certificate_pem)[0].fingerprint(hashes.SHA256())
    except (ValueError, IndexError) as error:
        raise BadIdentity(f"no certificate: {error}") from None


def enrolment_token(authority_fingerprint: bytes, secret: bytes) -> str:
    """The enrolment token of a new node: the fingerprint of the authority, and a one-time secret."""
    told = base64.b32encode(authority_fingerprint).decode().rstrip("=").lower()
    return f"mtn1-{told}-{base64.urlsafe_b64encode(secret).decode()}"


def read_token(text: str) -> tuple[bytes, str]:
    """(fingerprint of the authority, hash of the secret as control keeps it). Raises BadIdentity."""
    match = _TOKEN.fullmatch(text.strip())
    if match is None:
        raise BadIdentity("this is no enrolment token (mtn1-…)")
    return base64.b32decode(match[1].upper() + "===="), secret_hash(match[2])


def secret_hash(secret: str) -> str:
    """The hash of a secret that control stores: the secret is as strong as a key, so no slow hash is needed."""
    return hashlib.sha256(b"matinee enrolment\0" + secret.encode()).hexdigest()
