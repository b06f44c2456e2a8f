"""The settings of every program with an HTTP API: accepted hosts, timeouts and connection limits. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from kernel.settings.table import AUTO_OR_INTEGER, DURATION, INTEGER, TEXT, row_of, setting

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
LOOPBACK: tuple[Network, ...] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
SHARE = 4
"""With `auto` one address may have this share of the connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorSettings:
    """The table. Programs take their rows from here, by `door`."""

    allowed_hosts: tuple[str, ...] = setting(
        TEXT,
        None,
        "Names allowed in Host, besides this machine's and the address it listens at; others get 421.",
        many=True,
    )
    max_connections: int = setting(
        INTEGER,
        "2000",
        "Connections at a time, never more than the process has descriptors for; when all are used, a new one replaces "
        "the one that has waited longest for a request.",
        least=1,
        most=1_000_000,
    )
    max_connections_per_address: int | None = setting(
        AUTO_OR_INTEGER,
        "auto",
        "Connections of one address (IPv6: one /64) at a time; more are turned away; auto: a quarter of all, "
        "and loopback is exempt; 0: any number. Trusted proxies are exempt.",
    )
    head_timeout: float = setting(
        DURATION,
        "10s",
        "How long a whole request head may take, or a body may stand still; then 408.",
        least=0.1,
        most=3600,
    )
    body_timeout: float = setting(
        DURATION,
        "60s",
        "How long a whole request body may take, plus a second per 512 bytes; then 408.",
        least=0.1,
        most=86400,
    )
    idle_timeout: float = setting(
        DURATION, "75s", "How long a connection may wait for its next request.", least=0.1, most=86400
    )
    stall_timeout: float = setting(
        DURATION, "60s", "How long a client may read nothing of its response.", least=0.1, most=86400
    )


def door(name: str) -> Any:
    """A field of a settings dataclass that is the row `name` of this table."""
    return row_of(DoorSettings, name)


@dataclass(frozen=True, slots=True)
class Patience:
    """The timeouts in seconds: for a head, a body, the next request, and a client that does not read."""

    head: float = 10.0
    body: float = 60.0
    idle: float = 75.0
    stalled: float = 60.0


@dataclass(frozen=True, slots=True)
class DoorLimits:
    """The limits for clients. `exempt`: networks whose addresses are not counted."""

    patience: Patience = field(default_factory=Patience)
    connections: int = 2000
    per_address: int = 500
    exempt: Sequence[Network] = ()


class HasDoor(Protocol):
    """Settings with the rows of the table that bound a door."""

    @property
    def max_connections(self) -> int: ...  # noqa: D102 (the table has the sentence)
    @property
    def max_connections_per_address(self) -> int | None: ...  # noqa: D102
    @property
    def head_timeout(self) -> float: ...  # noqa: D102
    @property
    def body_timeout(self) -> float: ...  # noqa: D102
    @property
    def idle_timeout(self) -> float: ...  # noqa: D102
    @property
    def stall_timeout(self) -> float: ...  # noqa: D102


def limits_of(settings: HasDoor, exempt: Sequence[Network] = ()) -> DoorLimits:
    """As the settings say."""
    patience = Patience(
        settings.head_timeout, settings.body_timeout, settings.idle_timeout, settings.stall_timeout
    )  # fmt: skip
    most, told = settings.max_connections, settings.max_connections_per_address
    if told is None:
        return DoorLimits(patience, most, max(1, most // SHARE), (*exempt, *LOOPBACK))
    return DoorLimits(patience, most, told, exempt)
