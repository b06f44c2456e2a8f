"""The settings of `matinee control`."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from kernel.errors import BadSettings
from kernel.settings import ADDRESS, DURATION, PATH, TEXT, Address, choice, setting


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """See each setting's sentence."""

    listen: Address = setting(ADDRESS, "127.0.0.1:8084", "Where edges and services call by gRPC; loopback only.")
    admin: Address = setting(ADDRESS, "127.0.0.1:8085", "Where operators reach control by HTTP.")
    data: Path = setting(PATH, ".matinee/control", "Folder of control's database and API key.")
    database: str | None = setting(
        TEXT,
        None,
        "An SQLite file (DIR/control.sqlite3 of the data folder), or a PostgreSQL database that replicas of control "
        "share: postgresql://user@host/name.",
    )
    database_password_file: Path | None = setting(
        PATH, None, "File of the PostgreSQL user's password; else PGPASSWORD and .pgpass are looked for, as libpq does."
    )
    keys: Path | None = setting(
        PATH, None, "A JWKS file of public keys that replaces the keys held, read at start; else services put them."
    )
    default: str = setting(
        choice("deny", "allow"), "deny", "What edges do with a title that has no licence: deny or allow."
    )
    api_key_file: Path | None = setting(
        PATH, None, "File of the operators' API key, mode 0600, made at first start; DIR/api-key of the data folder."
    )
    drain: float = setting(
        DURATION, "30s", "The longest that running calls may take to finish at a stop.", least=0, most=3600
    )


def check(settings: ControlSettings) -> None:
    """Raises BadSettings for what this release cannot do safely."""
    if not _is_loopback(settings.listen.host):
        raise BadSettings(
            "listen",
            f"{settings.listen} is not a loopback address: edges are not authenticated yet; mTLS comes with the fleet",
        )
    if settings.listen == settings.admin and settings.listen.port:
        raise BadSettings("admin", f"{settings.admin} is where gRPC listens")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
