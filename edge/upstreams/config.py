"""Builds the upstreams from the settings: timeouts, limits, and TLS (trusted authorities, our own certificate)."""

from __future__ import annotations

import resource
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from edge.settings import EdgeSettings
from edge.upstreams.exchange import Timeouts
from edge.upstreams.network import Network
from edge.upstreams.pool import PoolLimits
from edge.upstreams.selector import Upstreams
from kernel.clock import Clock
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


MIN_CONNECTIONS = 8
SHARE_OF_DESCRIPTORS = 5
"""A fifth of the process's file descriptors for all upstreams: hung ones leave some to viewers and to the disk."""


def connections_of(settings: EdgeSettings, descriptors: int) -> int:
    """How many connections each upstream may have."""
    share = descriptors // (SHARE_OF_DESCRIPTORS * len(settings.upstream))
    return min(settings.upstream_connections, max(MIN_CONNECTIONS, share))


class UpstreamConfig(NamedTuple):
    """What `Upstreams.use` takes."""

    urls: tuple[str, ...]
    timeouts: Timeouts
    tls: ssl.SSLContext | None
    limits: PoolLimits
    name: str | None


def config_of(settings: EdgeSettings) -> UpstreamConfig:
    """The wiring of a node; BadSettings when a certificate cannot be used."""
    times = Timeouts(
        settings.upstream_connect, settings.upstream_first_byte, settings.upstream_idle, settings.upstream_total
    )
    tls = upstream_tls(settings.upstream, settings.upstream_ca, settings.upstream_cert, settings.upstream_key)
    limits = PoolLimits(connections=connections_of(settings, resource.getrlimit(resource.RLIMIT_NOFILE)[0]))
    return UpstreamConfig(settings.upstream, times, tls, limits, settings.upstream_name)


def upstreams_of(settings: EdgeSettings, network: Network, clock: Clock) -> Upstreams:
    """All upstreams of a node; BadSettings when a certificate cannot be used."""
    urls, timeouts, tls, limits, name = config_of(settings)
    return Upstreams(urls, network, clock, timeouts, tls, limits, name)
