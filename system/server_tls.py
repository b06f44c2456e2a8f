"""TLS of a server: its certificate and key are checked whole before they are used, and may be renewed while it runs."""

from __future__ import annotations

import contextlib
import os
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path

from kernel.errors import BadSettings


def tls_context(certificate: Path, key: Path, alpn: Sequence[str] = ("http/1.1",)) -> ssl.SSLContext:
    """The server's TLS: 1.2 and newer, these protocols (ALPN), the preferred one first. BadSettings when certificate
    and key cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
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
