"""A node's identity on disk: `identity.pem` has its key, its certificate and the fleet's authority; mode 0600.

The file is replaced atomically (temporary file, fsync, rename), so key and certificate always match. Its first line has
the hash of the enrolment token. `identity.key` is the key of a running enrolment: if the response is lost, a retry with
the same key returns the same certificate.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from kernel.errors import StorageFailed
from kernel.fleet.identity import BadIdentity, Identity, identity, load_key, make_key
from system.durable_files import replace_file

NAME = "identity.pem"
PENDING = "identity.key"
MAX_FILE_BYTES = 256 << 10
_HEAD = re.compile(rb"matinee-identity 1 token=([0-9a-f]{0,64})\n")
_KEY = re.compile(rb"-----BEGIN PRIVATE KEY-----\n.+?-----END PRIVATE KEY-----\n", re.DOTALL)
_PEM = serialization.Encoding.PEM


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials of a node (`key`, `chain`) and its trust (`authority`), all PEM. `token`: hash of the enrolment
    token."""

    key: bytes
    chain: bytes
    authority: bytes
    identity: Identity
    token: str = ""

    @classmethod
    def from_parts(cls, key: bytes, chain: bytes, authority: bytes, token: str = "") -> Credentials:
        """Credentials from parts that match. Raises BadIdentity."""
        try:
            own = x509.load_pem_x509_certificates(chain)[0]
            root = x509.load_pem_x509_certificates(authority)[0]
            own.verify_directly_issued_by(root)
        except Exception as error:  # noqa: BLE001 (whatever the library says of bytes that are no certificates)
            raise BadIdentity(f"the certificate is not one of the authority: {error}") from None
        if own.public_key() != load_key(key).public_key():
            raise BadIdentity("key and certificate do not match")
        return cls(key, chain, authority, identity(chain), token)


@dataclass(frozen=True, slots=True)
class IdentityFile:
    """The identity in `folder`."""

    folder: Path

    @property
    def path(self) -> Path:
        """The path of the identity."""
        return self.folder / NAME

    def load(self) -> Credentials | None:
        """Load the identity, or None if there is none. Raises BadIdentity naming the file, or StorageFailed."""
        data = _read(self.path)
        if data is None:
            return None
        head, key = _HEAD.match(data), _KEY.search(data)
        if head is None or key is None:
            raise BadIdentity(f"{self.path} is not a node's identity")
        try:
            found = x509.load_pem_x509_certificates(data)
            *chain, authority = (one.public_bytes(_PEM) for one in found)
            return Credentials.from_parts(key[0], b"".join(chain), authority, head[1].decode())
        except ValueError as error:
            raise BadIdentity(f"{self.path}: {error}") from None

    def save(self, credentials: Credentials) -> None:
        """Replace the identity durably. Raises StorageFailed."""
        data = b"matinee-identity 1 token=%s\n" % credentials.token.encode()
        write_private(self.path, data + credentials.key + credentials.chain + credentials.authority)

    def pending_key(self) -> bytes:
        """The key for the enrolment, the same until `delete_pending_key`. Raises StorageFailed."""
        path = self.folder / PENDING
        held = _read(path)
        if held is not None:
            with contextlib.suppress(BadIdentity):
                load_key(held)
                return held
        made = make_key()
        write_private(path, made)
        return made

    def delete_pending_key(self) -> None:
        """Delete the key of the enrolment: it is in the identity now."""
        with contextlib.suppress(OSError):
            (self.folder / PENDING).unlink()


def write_private(path: Path, data: bytes) -> None:
    """Replace a file of mode 0600 atomically. Raises StorageFailed."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(path, data)
    except OSError as error:
        raise StorageFailed(f"{path} cannot be written: {error.strerror}") from None


def _read(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageFailed(f"{path} cannot be read: {error.strerror}") from None
