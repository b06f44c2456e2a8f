"""From the settings to the upstreams: their times, numbers and certificates."""

from __future__ import annotations

import resource
import ssl
from typing import NamedTuple

from edge.settings import EdgeSettings
from edge.upstreams.exchange import Timeouts
from edge.upstreams.network import Network
from edge.upstreams.pool import PoolLimits
from edge.upstreams.selector import Upstreams
from edge.upstreams.tls import upstream_tls
from kernel.clock import Clock

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
