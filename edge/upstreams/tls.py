"""How an upstream is known over TLS: by whom its certificate must be signed, and what we show of ourselves."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path

from kernel.errors import BadSettings


def upstream_tls(
    upstreams: Sequence[str], ca: Path | None, cert: Path | None, key: Path | None
) -> ssl.SSLContext | None:
    """TLS 1.2 or later with certificate and name verified, by the system's authorities or by those in `ca` alone.

    None when no upstream is asked by https. BadSettings when a file cannot be used.
    """
    if not any(url.startswith("https:") for url in upstreams):
        return None
    try:
        context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    except OSError as error:
        raise BadSettings("upstream_ca", f"{ca} holds no certificates that can be read: {_words(error)}") from None
    if ca is not None and not context.cert_store_stats()["x509_ca"]:
        raise BadSettings("upstream_ca", f"{ca} holds no certificate of an authority")
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if cert is not None and key is not None:
        try:
            context.load_cert_chain(cert, key, password=_no_password)
        except (OSError, ValueError) as error:
            raise BadSettings("upstream_cert", f"{cert} and {key} are not to be used: {_words(error)}") from None
    return context


def _no_password() -> str:
    raise ValueError("the key is encrypted")  # OpenSSL would ask at the terminal


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).lower().replace("_", " ")
    return getattr(error, "strerror", None) or str(error)
