"""The settings of `matinee control`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from kernel.errors import BadSettings
from kernel.http.door_rules import is_loopback
from kernel.settings.door_settings import door
from kernel.settings.table import ADDRESS, DURATION, NUMBER, PATH, SWITCH, TEXT, Address, choice, setting
from kernel.vocabulary import REGION

_PLACE = re.compile(rf"{REGION.pattern}|[A-Z]{{2}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """The settings of `matinee control`, each with its sentence."""

    listen: Address = setting(ADDRESS, "127.0.0.1:8084", "Where edges and services call by gRPC.")
    admin: Address = setting(ADDRESS, "127.0.0.1:8085", "Where operators reach control by HTTP.")
    tls_cert: Path | None = setting(
        PATH, None, "PEM file of the certificate chain for `admin`; with it operators connect by TLS."
    )
    tls_key: Path | None = setting(PATH, None, "PEM file of the private key of `tls_cert`.")
    data: Path = setting(PATH, ".matinee/control", "Folder of control's database and API key.")
    database: str | None = setting(
        TEXT,
        None,
        "An SQLite file (DIR/control.sqlite3 of the data folder), or a PostgreSQL database that replicas of control "
        "share: postgresql://user@host/name.",
    )
    database_password_file: Path | None = setting(
        PATH, None, "File of the PostgreSQL user's password. Not set: PGPASSWORD and .pgpass, as libpq reads them."
    )
    tls: str = setting(
        choice("auto", "required", "off"),
        "auto",
        "Whether edges and services must show a certificate of the fleet: auto asks for one unless control listens on "
        "loopback, off is for loopback only.",
    )
    enrol_listen: Address | None = setting(
        ADDRESS, None, "Where nodes with an enrolment token and no certificate yet join the fleet; over TLS."
    )
    ca_dir: Path | None = setting(
        PATH,
        None,
        "Folder of the fleet's certificate authority, made at first start and shared by replicas; DIR/ca of the data "
        "folder.",
    )
    server_name: tuple[str, ...] = setting(
        TEXT, None, "Names and addresses in control's certificate, besides this machine's.", many=True
    )
    certificate_life: float = setting(
        DURATION,
        "30d",
        "How long a certificate is valid; nodes and control renew theirs at two thirds of that.",
        least=5,
        most=366 * 86_400,
    )
    keys: Path | None = setting(
        PATH, None, "A JWKS file of public keys that replaces the operators' keys at start; services add their own."
    )
    default: str = setting(
        choice("deny", "allow"), "deny", "What edges do with a title that has no licence: deny or allow."
    )
    api_key_file: Path | None = setting(
        PATH, None, "File of the operators' API key, mode 0600, made at first start; DIR/api-key of the data folder."
    )
    node_admin_keys: Path | None = setting(
        PATH,
        None,
        "File of the keys that control presents at nodes' admin ports (`admin_keys` of an edge) to explain a URL, mode "
        "0600: a line KEY for every node, or NODE KEY for one.",
    )
    audit_key_file: Path | None = setting(
        PATH,
        None,
        "File of the key that seals the audit log, mode 0600, made at first start and shared by replicas; one key a "
        "line, the first in use. Not set: DIR/audit-key of the data folder.",
    )
    audit_key_lost: bool = setting(
        SWITCH, "off", "Continue the audit log although its key is lost; the log records that."
    )
    audit_keep: float = setting(
        DURATION,
        "0s",
        "How long rows of the audit log are kept; 0s keeps them for ever.",
        least=0,
        most=100 * 366 * 86_400,
    )
    neighbours: tuple[str, ...] = setting(
        TEXT,
        None,
        "Where viewers of a region or country are sent if it has no healthy edge: `eu=us+ap`, `CH=eu`.",
        many=True,
    )
    job_rate: float = setting(
        NUMBER,
        "20",
        "Purges and prefetches per second for one API key, with bursts of ten seconds' worth.",
        least=0.01,
        most=10_000,
    )
    drain: float = setting(
        DURATION, "30s", "How long running calls may take to finish when control stops.", least=0, most=3600
    )

    allowed_hosts: tuple[str, ...] = door("allowed_hosts")
    max_connections: int = door("max_connections")
    max_connections_per_address: int | None = door("max_connections_per_address")
    head_timeout: float = door("head_timeout")
    body_timeout: float = door("body_timeout")
    idle_timeout: float = door("idle_timeout")
    stall_timeout: float = door("stall_timeout")

    @property
    def mtls(self) -> bool:
        """Whether edges and services must show a certificate."""
        return self.tls == "required" or (self.tls == "auto" and not is_loopback(self.listen.host))


def neighbours_of(settings: ControlSettings) -> dict[str, tuple[str, ...]]:
    """The setting `neighbours` as a mapping: region or country -> regions, in order. Raises BadSettings."""
    found: dict[str, tuple[str, ...]] = {}
    for text in settings.neighbours:
        place, equals, regions = text.partition("=")
        listed = tuple(regions.split("+"))
        if not equals or not _PLACE.fullmatch(place) or not all(REGION.fullmatch(region) for region in listed):
            raise BadSettings("neighbours", f"{text!r} is not of the form region=region+region or CC=region")
        found[place] = listed
    return found


def check(settings: ControlSettings) -> None:
    """Raises BadSettings for settings that are unsafe or contradict one another."""
    neighbours_of(settings)
    if (settings.tls_cert is None) != (settings.tls_key is None):
        missing = "tls_key" if settings.tls_key is None else "tls_cert"
        raise BadSettings(missing, "is missing: TLS needs both a certificate and its key")
    if settings.tls == "off" and not is_loopback(settings.listen.host):
        raise BadSettings("tls", f"off is for loopback only, and `listen` is {settings.listen}")
    if settings.enrol_listen is not None and not settings.mtls:
        raise BadSettings("enrol_listen", "nodes join only a control that requires certificates: set tls")
    listeners = {"listen": settings.listen, "admin": settings.admin, "enrol_listen": settings.enrol_listen}
    taken: dict[Address, str] = {}
    for name, address in listeners.items():
        if address is not None and address.port:
            if address in taken:
                raise BadSettings(name, f"{address} is where `{taken[address]}` listens")
            taken[address] = name
