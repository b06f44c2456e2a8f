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
    """TLS 1.2 or later, verifying certificate and name by the system's authorities, or only by those in `ca`.

    None if no upstream uses https. Raises BadSettings if a file cannot be used.
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
    raise ValueError("the key is encrypted")  # OpenSSL would prompt at the terminal


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).lower().replace("_", " ")
    return getattr(error, "strerror", None) or str(error)


MIN_CONNECTIONS = 8
SHARE_OF_DESCRIPTORS = 5
"""The upstreams together get a fifth of the process's file descriptors: hung ones leave enough to viewers and the disk.
"""


def connections_per_upstream(settings: EdgeSettings, descriptors: int) -> int:
    """The number of connections that each upstream may have."""
    share = descriptors // (SHARE_OF_DESCRIPTORS * len(settings.upstream))
    return min(settings.upstream_connections, max(MIN_CONNECTIONS, share))


class UpstreamConfig(NamedTuple):
    """The arguments of `Upstreams.configure`."""

    urls: tuple[str, ...]
    timeouts: Timeouts
    tls: ssl.SSLContext | None
    limits: PoolLimits
    name: str | None


def config_of(settings: EdgeSettings) -> UpstreamConfig:
    """The upstream configuration of a node. Raises BadSettings if a certificate cannot be used."""
    times = Timeouts(
        settings.upstream_connect, settings.upstream_first_byte, settings.upstream_idle, settings.upstream_total
    )
    tls = upstream_tls(settings.upstream, settings.upstream_ca, settings.upstream_cert, settings.upstream_key)
    limits = PoolLimits(connections=connections_per_upstream(settings, resource.getrlimit(resource.RLIMIT_NOFILE)[0]))
    return UpstreamConfig(settings.upstream, times, tls, limits, settings.upstream_name)


def upstreams_of(settings: EdgeSettings, network: Network, clock: Clock) -> Upstreams:
    """The upstreams of a node. Raises BadSettings if a certificate cannot be used."""
    urls, timeouts, tls, limits, name = config_of(settings)
    return Upstreams(urls, network, clock, timeouts, tls, limits, name)
