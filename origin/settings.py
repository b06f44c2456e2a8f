"""The settings of `matinee origin`."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from kernel.settings.door_settings import door
from kernel.settings.store_address import StoreAddress
from kernel.settings.table import ADDRESS, CIDR, DURATION, INTEGER, PATH, PATH_OR_OFF, Address, setting
from origin.jobs.job_settings import JobSettings
from origin.stores.open_store import store_setting
from origin.upkeep.policy import upkeep_setting


@dataclass(frozen=True)
class OriginSettings(JobSettings):
    """The settings of the origin; those of its ingest service come first."""

    listen: Address = setting(ADDRESS, "127.0.0.1:9000", "Address to listen on; port 0 chooses a free one.")
    store: StoreAddress = store_setting("store")
    store_credentials: Path | None = store_setting("store_credentials")
    replica_store: StoreAddress | None = store_setting("replica_store")
    cold_store: StoreAddress | None = store_setting("cold_store")
    store_keys: str | None = store_setting("store_keys")
    gc_every: float = upkeep_setting("gc_every")
    gc_grace: float = upkeep_setting("gc_grace")
    keep_superseded: float = upkeep_setting("keep_superseded")
    master_retention: float = upkeep_setting("master_retention")
    scrub_every: float = upkeep_setting("scrub_every")
    scrub_rate: int = upkeep_setting("scrub_rate")
    cold_after: float = upkeep_setting("cold_after")
    work_dir: Path | None = setting(
        PATH,
        None,
        "Folder in which ingests work; not set: next to the store, its name with `-work`; .matinee/work for a bucket.",
    )
    allow: tuple[IPv4Network | IPv6Network, ...] = setting(
        CIDR, None, "Networks that may use the origin, besides loopback; others get 403.", many=True
    )
    drain: float = setting(DURATION, "30s", "Time that running responses have to finish at a stop.", least=0, most=3600)
    access_log: Path | None = setting(PATH_OR_OFF, "off", "File for one JSON line per request; reopened on SIGHUP.")
    max_requests: int = setting(
        INTEGER, "512", "Concurrent requests; further ones get 503 with Retry-After.", least=1, most=100_000
    )
    allowed_hosts: tuple[str, ...] = door("allowed_hosts")
    max_connections: int = door("max_connections")
    max_connections_per_address: int | None = door("max_connections_per_address")
    head_timeout: float = door("head_timeout")
    body_timeout: float = door("body_timeout")
    idle_timeout: float = door("idle_timeout")
    stall_timeout: float = door("stall_timeout")
