"""The edge's settings; see docs/settings.md."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kernel.errors import BadSettings
from kernel.http.door_rules import is_loopback
from kernel.settings.live_settings import live
from kernel.settings.route import RouteSettings
from kernel.settings.setting_types import Kind
from kernel.settings.table import (
    ADDRESS,
    CIDR,
    COUNTRY,
    INTEGER,
    NUMBER,
    PATH,
    PATH_OR_OFF,
    SIZE,
    TEXT,
    Address,
    choice,
    setting,
)
from kernel.time_window import Window
from kernel.vocabulary import REGION

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def parse_zone(text: str) -> ZoneInfo:
    """The time zone with this name, such as Europe/Berlin; ValueError when this machine does not know it."""
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{text!r} is no time zone such as Europe/Berlin that this machine knows") from None


ZONE = Kind("time zone", parse_zone)


def parse_workers(text: str) -> int:
    """A number of processes; `auto`: as many as cores that this process may use."""
    if text == "auto":
        return len(os.sched_getaffinity(0))
    if not text.isascii() or not text.isdecimal():
        raise ValueError(f"{text!r} is neither a whole number nor auto")
    return int(text)


WORKERS = Kind("integer", parse_workers)


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeSettings:
    """What configures an edge or shield at start; control can push the `live` ones."""

    id: str = setting(TEXT, "edge", "This node's name in Cache-Status, Via, CDN-Loop, logs and the fleet.")
    role: str = setting(choice("edge", "shield"), "edge", "Edges answer viewers; a shield answers edges only.")
    listen: Address = setting(ADDRESS, "127.0.0.1:8081", "Where viewers connect.")
    admin: Address = setting(
        ADDRESS, "127.0.0.1:9081", "Where operators connect: health, metrics, purge; never public."
    )
    admin_keys: Path | None = setting(
        PATH,
        None,
        "File of the keys that the admin port asks for, one a line, mode 0600; needed where it listens off loopback.",
    )
    admin_allowed_hosts: tuple[str, ...] = setting(
        TEXT,
        None,
        "Names allowed in Host at the admin port, besides this machine's and the address it listens at.",
        many=True,
    )
    upstream: tuple[str, ...] = live("upstream")
    cache_dir: Path | None = setting(PATH_OR_OFF, "off", "Folder of the disk tier; off keeps everything in RAM.")
    ram: int = setting(SIZE, "512MiB", "Budget of the RAM tier.", least=1 << 20)
    disk: int = setting(SIZE, "4GiB", "Budget of the disk tier; 0: no disk tier.")
    policy: str = setting(choice("s3fifo", "lru"), "s3fifo", "Which object a full tier evicts.")
    admission: str = live("admission")
    small_share: float = setting(
        NUMBER,
        "0.1",
        "Share of a tier for S3-FIFO's small queue, which holds objects requested once.",
        least=0.01,
        most=0.9,
    )
    promote_after: int = setting(
        INTEGER, "1", "Requests after the first until S3-FIFO moves an object to its main queue.", least=1, most=3
    )
    admission_memory: float = setting(
        NUMBER, "0.75", "How many first fetches are remembered, as a share of the disk's budget.", least=0.01, most=4
    )
    workers: int = setting(
        WORKERS,
        "1",
        "Processes of this node, all serving one port from one cache; auto: one per core.",
        least=1,
        most=256,
    )
    tokens: str = setting(choice("off", "required"), "required", "Whether a request must carry a valid token.")
    keys: Path | None = setting(PATH, None, "JWKS file with the public keys that tokens are verified by.")
    geo: Path | None = setting(PATH_OR_OFF, "off", "An .mmdb database that maps addresses to countries.")
    default_country: str | None = setting(COUNTRY, None, "Country of addresses that the database does not know.")
    rules: Path | None = setting(PATH, None, "RULES.json: where titles are licensed, which sessions are revoked.")
    profile: str = setting(choice("media", "general"), "media", "media: a CDN for titles; general: any HTTP resource.")
    default_ttl: float = live("default_ttl")
    set_cookie: str = live("set_cookie")
    request_directives: str = live("request_directives")
    slice: int = live("slice")
    slice_over: int = live("slice_over")
    tls_cert: Path | None = setting(PATH, None, "PEM file of the certificate chain; with it viewers connect by TLS.")
    tls_key: Path | None = setting(PATH, None, "PEM file of the certificate's private key.")
    tls_sni: tuple[Path, ...] = setting(
        PATH, None, "More certificates, by the name that viewers ask for: PEM files of a chain and its key.", many=True
    )
    tls_min: str = setting(choice("1.2", "1.3"), "1.2", "The oldest version of TLS that viewers may use.")
    tls_ciphers: str | None = setting(TEXT, None, "Ciphers of TLS 1.2, as OpenSSL lists them; not set: its own list.")
    tls_ticket_secret: Path | None = setting(
        PATH,
        None,
        "File of 32 bytes or more, mode 0600, that session tickets' keys are made from, for nodes that share a name.",
    )
    http2: str = setting(
        choice("on", "off", "prior-knowledge"),
        "on",
        "HTTP/2 for viewers by TLS; prior-knowledge: also without TLS, for a terminator in front.",
    )
    access_log: Path | None = setting(
        PATH_OR_OFF, "off", "File for one JSON line per request; SIGUSR1 and SIGHUP reopen it."
    )
    trusted_proxies: tuple[Network, ...] = setting(CIDR, None, "Peers whose X-Forwarded-For is trusted.", many=True)
    allow: tuple[Network, ...] = setting(CIDR, None, "Peers that a shield answers, besides loopback.", many=True)
    region: tuple[str, ...] = setting(TEXT, None, "Regions of /cdn/<region>/ that are served; not set: any.", many=True)
    control: tuple[Address, ...] = setting(
        ADDRESS,
        None,
        "The control plane, any of its replicas; rules, keys and live settings come from there.",
        many=True,
    )
    fleet_dir: Path | None = setting(PATH, None, "Folder for the node's identity and the last good state from control.")
    enrol_token: Path | None = setting(
        PATH, None, "File of the one-time token that this node joins the fleet with; removed when it is spent."
    )
    enrol_at: tuple[Address, ...] = setting(
        ADDRESS, None, "Control's enrolment listener, HOST:PORT, where the token is spent.", many=True
    )
    drain: float = live("drain")
    max_object: int = live("max_object")
    fill_wait: float = live("fill_wait")
    stale_wait: float = live("stale_wait")
    max_connections: int = live("max_connections")
    max_connections_per_address: int | None = live("max_connections_per_address")
    max_handshakes: int = live("max_handshakes")
    handshake_timeout: float = live("handshake_timeout")
    body_memory: int = live("body_memory")
    head_timeout: float = live("head_timeout")
    idle_timeout: float = live("idle_timeout")
    stall_timeout: float = live("stall_timeout")
    upstream_connect: float = live("upstream_connect")
    upstream_first_byte: float = live("upstream_first_byte")
    upstream_idle: float = live("upstream_idle")
    upstream_total: float = live("upstream_total")
    upstream_connections: int = live("upstream_connections")
    upstream_ca: Path | None = setting(
        PATH, None, "PEM file of the authorities that may sign upstreams' certificates; not set: the system's."
    )
    upstream_name: str | None = setting(TEXT, None, "Name in the upstreams' certificates, if not their URL's host.")
    upstream_cert: Path | None = setting(PATH, None, "PEM file of the certificate that this node shows to upstreams.")
    upstream_key: Path | None = setting(PATH, None, "PEM file of that certificate's private key.")

    prefetch: str = live("prefetch")
    prefetch_depth: int = live("prefetch_depth")
    prefetch_rate: int = live("prefetch_rate")
    prefetch_disk_share: float = live("prefetch_disk_share")
    prefetch_window: Window = live("prefetch_window")  # noqa: RUF009 (it makes a field)
    timezone: tzinfo | None = setting(ZONE, None, "Time zone of prefetch_window; not set: the machine's own (TZ).")

    route: tuple[RouteSettings, ...] = live("route")

    def __post_init__(self) -> None:
        """Check what one setting alone cannot show; BadSettings."""
        if not self.upstream:
            raise BadSettings("upstream", "must be set, for example --upstream http://127.0.0.1:9000")
        if self.admin_keys is None and not is_loopback(self.admin.host):
            why = f"{self.admin} can be reached from other machines: set admin_keys, or listen on loopback"
            raise BadSettings("admin", why)
        if self.tokens == "required" and self.keys is None and not self.control:
            raise BadSettings("keys", "tokens are required but there is neither --keys JWKS.json nor --control")
        self._check_tls()
        self._check_upstream_tls()
        if self.control and self.fleet_dir is None:
            raise BadSettings("fleet_dir", "joining a control plane needs a folder for the last good state")
        if self.profile == "general" and self.tokens != "off":
            raise BadSettings("tokens", "the general profile has no titles to hold tokens for: use --tokens off")
        if self.profile == "media" and self.set_cookie == "keep":
            raise BadSettings(
                "set_cookie", "the media profile gives nobody a Set-Cookie and keeps no response with one"
            )
        self._check_routes()
        for region in self.region:
            if not REGION.fullmatch(region):
                raise BadSettings("region", f"{region!r} is not a region (lower-case letters, digits, dashes)")

    def _check_routes(self) -> None:
        for number, route in enumerate(self.route, 1):
            try:
                route.fits(self.profile)
            except BadSettings as error:
                raise BadSettings(error.setting, error.why, f"route {number}") from None
        asked = any(route.token == "required" for route in self.route)  # noqa: S105 (a word of the setting)
        if asked and self.role == "edge" and self.keys is None and not self.control:
            raise BadSettings("keys", "a route requires tokens but there is neither --keys JWKS.json nor --control")

    def _check_tls(self) -> None:
        if (self.tls_cert is None) != (self.tls_key is None):
            missing = "tls_key" if self.tls_key is None else "tls_cert"
            raise BadSettings(missing, "TLS needs both --tls-cert and --tls-key")
        for name in ("tls_sni", "tls_ciphers", "tls_ticket_secret"):
            if self.tls_cert is None and getattr(self, name):
                raise BadSettings(name, "has no meaning without --tls-cert and --tls-key")

    def _check_upstream_tls(self) -> None:
        if (self.upstream_cert is None) != (self.upstream_key is None):
            missing = "upstream_key" if self.upstream_key is None else "upstream_cert"
            raise BadSettings(missing, "a certificate for upstreams needs both --upstream-cert and --upstream-key")
        if not any(url.startswith("https:") for url in self.upstream):
            for name in ("upstream_ca", "upstream_name", "upstream_cert"):
                if getattr(self, name) is not None:
                    raise BadSettings(name, "has no meaning: no upstream is https://")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShieldSettings(EdgeSettings):
    """The same with the presets of a shield: the edges have checked tokens and countries already."""

    id: str = setting(TEXT, "shield", "This node's name in Cache-Status, Via, CDN-Loop, logs and the fleet.")
    role: str = setting(choice("edge", "shield"), "shield", "Edges answer viewers; a shield answers edges only.")
    listen: Address = setting(ADDRESS, "127.0.0.1:8082", "Where edges connect.")
    admin: Address = setting(
        ADDRESS, "127.0.0.1:9082", "Where operators connect: health, metrics, purge; never public."
    )
    tokens: str = setting(choice("off", "required"), "off", "Whether a request must carry a valid token.")
    prefetch: str = setting(
        choice("next", "cmcd", "both", "off"),
        "off",
        "What is fetched before players ask: the playlist's next segment, what players name in CMCD, or both.",
    )
