"""TLS of a server: its certificate and key are checked whole before they are used, and may be renewed while it runs."""

from __future__ import annotations

import contextlib
import os
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path

from cryptography import x509

from kernel.errors import BadSettings


def tls_context(
    certificate: Path, key: Path, alpn: Sequence[str] = ("http/1.1",), minimum: str = "1.2", ciphers: str | None = None
) -> ssl.SSLContext:
    """The server's TLS: `minimum` and newer, these protocols (ALPN), the preferred one first. `ciphers`: for TLS 1.2,
    as OpenSSL lists them. BadSettings when certificate and key, or the ciphers, cannot be used.

    Renegotiation is refused: it costs a server more than a client (CVE-2011-1473).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3 if minimum == "1.3" else ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    if ciphers is not None:
        try:
            context.set_ciphers(ciphers)
        except ssl.SSLError:
            raise BadSettings("tls_ciphers", f"{ciphers!r} names no cipher that OpenSSL knows") from None
    context.set_alpn_protocols(list(alpn))
    renew_certificate(context, certificate, key)
    return context


def renew_certificate(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Use what the files hold now for new handshakes. BadSettings, and nothing changes, if that cannot be used.

    The files are read once: the running context gets exactly what was tried in a context of its own, even if the files
    are being written. A certificate without its key would be half a change.
    """
    try:
        pair = certificate.read_bytes(), key.read_bytes()
        _load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), *pair)
        _load_pair(context, *pair)
    except (OSError, ssl.SSLError, ValueError) as error:
        raise BadSettings("tls_cert", f"{certificate} and {key} cannot be used: {error}") from None


def _load_pair(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """OpenSSL loads these from files only, so they are files in memory. An encrypted key is refused: a node that asks
    for a password on its terminal hangs."""
    with _memory_file(certificate) as first, _memory_file(key) as second:
        context.load_cert_chain(first, second, password=_refuse_password)


def _refuse_password() -> str:
    raise ValueError("the key is encrypted")


@contextlib.contextmanager
def _memory_file(content: bytes) -> Iterator[str]:
    with os.fdopen(os.memfd_create("tls", os.MFD_CLOEXEC), "wb") as file:
        file.write(content)
        file.flush()
        yield f"/proc/self/fd/{file.fileno()}"


def names_of(certificate: Path) -> frozenset[str]:
    """The host names in a certificate, in lower case; `*.example.org` as it is. BadSettings if it cannot be read."""
    try:
        chain = x509.load_pem_x509_certificates(certificate.read_bytes())
        found = chain[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return frozenset(name.lower() for name in found.get_values_for_type(x509.DNSName))
    except (OSError, ValueError, x509.ExtensionNotFound) as error:
        raise BadSettings("tls_sni", f"{certificate} names no host: {error}") from None
